//! The two forms of the SSH calls, and the paths that they have.

/// Which of the two forms of its SSH calls the vendor speaks. Nothing in its answers announces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// One credential for each sandbox: the Python SDK up to 0.6.1.
    One,
    /// Many credentials for each sandbox, each called by its ID: the Python SDK from 0.7.0 on.
    Two,
}

/// What is asked for. A credential without an ID is the one that the sandbox has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Sandboxes,
    Sandbox(&'a str),
    Create(&'a str),
    Validate(&'a str, Option<&'a str>),
    Regenerate(&'a str, Option<&'a str>),
    Delete(&'a str, Option<&'a str>),
}

/// Why a request is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    Path,
    /// With the methods that the path has.
    Method(&'static str),
}

impl Generation {
    /// A segment is taken as it is: no ID needs to be percent-encoded. Final slashes are part of a path.
    pub(super) fn route<'a>(self, method: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
        let segments: Vec<&str> = path.split('/').collect();
        let (sandbox, rest) = match segments.as_slice() {
            ["", "v1", "sandboxes"] => return only("GET", method, Route::Sandboxes),
            ["", "v1", "sandbox", sandbox, ""] if !sandbox.is_empty() => {
                return only("GET", method, Route::Sandbox(sandbox));
            }
            ["", "v1", "sandbox", sandbox, "ssh", rest @ ..] if !sandbox.is_empty() => (*sandbox, rest),
            _ => return Err(NoRoute::Path),
        };
        match (self, rest) {
            (Self::One, ["access"]) => match method {
                "POST" => Ok(Route::Create(sandbox)),
                "DELETE" => Ok(Route::Delete(sandbox, None)),
                _ => Err(NoRoute::Method("POST, DELETE")),
            },
            (Self::Two, ["access"]) => only("POST", method, Route::Create(sandbox)),
            (Self::One, ["validate"]) => only("POST", method, Route::Validate(sandbox, None)),
            (Self::One, ["regen"]) => only("POST", method, Route::Regenerate(sandbox, None)),
            (Self::Two, [id]) if !id.is_empty() => only("DELETE", method, Route::Delete(sandbox, Some(id))),
            (Self::Two, [id, "validate"]) if !id.is_empty() => only("POST", method, Route::Validate(sandbox, Some(id))),
            (Self::Two, [id, "regen"]) if !id.is_empty() => only("POST", method, Route::Regenerate(sandbox, Some(id))),
            _ => Err(NoRoute::Path),
        }
    }
}

fn only<'a>(allowed: &'static str, method: &str, route: Route<'a>) -> Result<Route<'a>, NoRoute> {
    if method == allowed { Ok(route) } else { Err(NoRoute::Method(allowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_has_its_own_paths() {
        let (one, two) = (Generation::One, Generation::Two);
        let ssh = "/v1/sandbox/sbx-1/ssh";
        let route = |generation: Generation, method, path: &str| generation.route(method, path).is_ok();
        for (method, path, in_one, in_two) in [
            ("POST", "/access", true, true),
            ("DELETE", "/access", true, false),
            ("POST", "/validate", true, false),
            ("POST", "/regen", true, false),
            ("POST", "/ssh-1/validate", false, true),
            ("POST", "/ssh-1/regen", false, true),
            ("DELETE", "/ssh-1", false, true),
            ("GET", "/ssh-1", false, false),
            ("GET", "/access", false, false),
            ("POST", "//validate", false, false),
            ("POST", "/access/", false, false),
            ("DELETE", "/", false, false),
        ] {
            let path = format!("{ssh}{path}");
            assert_eq!((route(one, method, &path), route(two, method, &path)), (in_one, in_two), "{method} {path}");
        }
    }

    #[test]
    fn reading_a_sandbox_has_a_final_slash_and_listing_them_none() {
        let found = |path| Generation::Two.route("GET", path);
        assert_eq!(found("/v1/sandbox/sbx-1/"), Ok(Route::Sandbox("sbx-1")));
        assert_eq!(found("/v1/sandboxes"), Ok(Route::Sandboxes));
        for path in ["/v1/sandbox/sbx-1", "/v1/sandbox//", "/v1/sandboxes/", "//v1/sandboxes", "/v1/sandbox/a/b/"] {
            assert_eq!(found(path), Err(NoRoute::Path), "{path}");
        }
        assert_eq!(Generation::One.route("PUT", "/v1/sandboxes"), Err(NoRoute::Method("GET")));
    }
}
