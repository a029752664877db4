//! Settings, variables and files together, and files that somebody else put there.

mod keys;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyssh_core::{ErrorKind, Progress};
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;

/// A user with a home, a working directory below it, a state directory, and what was said to them.
struct User {
    scratch: TempDir,
    notes: Arc<Mutex<Vec<String>>>,
}

impl User {
    fn new() -> Self {
        let user = Self { scratch: TempDir::new().unwrap(), notes: Arc::default() };
        for directory in ["home/.flyte", "home/.union", "work/.git", "work/.flyte", "work/sub/.flyte"] {
            fs::DirBuilder::new().recursive(true).create(user.path(directory)).unwrap();
        }
        user
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    #[allow(clippy::disallowed_methods, reason = "files of somebody else, as they are found")]
    fn file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    fn settings(&self, variables: &[(&str, &str)]) -> Settings {
        let notes = Arc::clone(&self.notes);
        let surroundings = Surroundings::none()
            .with_home(self.path("home"))
            .with_working_dir(self.path("work/sub"))
            .with_variables(|name| (name == "MY_SECRET").then(|| "hunter22".into()))
            .with_notes(Progress::new(move |note| notes.lock().unwrap().push(note.to_owned())));
        let settings = Settings::new().with_state_dir(self.path("state")).with_surroundings(surroundings);
        variables.iter().fold(settings, |settings, (name, value)| settings.with_setting(*name, (*value).into()))
    }

    fn read(&self, variables: &[(&str, &str)]) -> Result<Config, ProviderError> {
        Config::read(&self.settings(variables))
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

const HOME: &str = "home/.flyte/config.yaml";
const GOOD: &str = "admin:\n  endpoint: dns:///acme.hosted.example:8443\ntask:\n  project: p\n  domain: development\n";
const TASK: [(&str, &str); 2] = [("FLYTE_TASK_PROJECT", "p"), ("FLYTE_TASK_DOMAIN", "d")];

fn with_task<'a>(variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [TASK.as_slice(), variables].concat()
}

#[test]
fn a_file_at_home_is_read_and_variables_are_stronger() {
    let user = User::new();
    user.file(HOME, GOOD);
    let config = user.read(&[]).unwrap();
    assert_eq!(config.endpoint.base_url.to_string(), "https://acme.hosted.example:8443");
    assert_eq!((config.org.as_str(), config.project.as_str(), config.domain.as_str()), ("acme", "p", "development"));
    assert!(matches!(config.login, Login::Pkce) && config.scopes.is_empty());
    let config = user.read(&[("FLYTE_ADMIN_ENDPOINT", "b.example.org"), ("FLYTE_TASK_DOMAIN", "production")]).unwrap();
    assert_eq!((config.endpoint.base_url.host(), config.domain.as_str()), ("b.example.org", "production"));
    assert_eq!(user.notes(), [""; 0]);
}

#[test]
fn variables_alone_are_enough() {
    let scopes = ("FLYTE_ADMIN_SCOPES", r#"["all", "offline"]"#);
    let config = User::new()
        .read(&with_task(&[("FLYTE_ADMIN_ENDPOINT", "localhost:8090"), ("FLYTE_TASK_ORG", "o"), scopes]))
        .unwrap();
    assert_eq!(
        (config.org.as_str(), config.scopes.as_slice()),
        ("o", ["all".to_owned(), "offline".to_owned()].as_slice())
    );
}

#[test]
fn the_first_file_that_is_there_is_the_one() {
    let user = User::new();
    let file = |org: &str| format!("admin: {{endpoint: localhost}}\ntask: {{org: {org}, project: p, domain: d}}\n");
    let org = |variables: &[(&str, &str)]| user.read(variables).map(|config| config.org);
    let named = user.path("named.yaml");
    let named = ("FLYTECTL_CONFIG", named.to_str().unwrap());
    user.file(HOME, &file("home"));
    assert_eq!(org(&[]).unwrap(), "home");
    user.file("home/.union/config.yaml", &file("union"));
    assert_eq!(org(&[]).unwrap(), "union");
    user.file("named.yaml", &file("named"));
    assert_eq!(org(&[named]).unwrap(), "named");
    let nearby = "task: {org: ORG, project: p, domain: d}\n";
    let endpoint = ("FLYTE_ADMIN_ENDPOINT", "localhost");
    for (path, name) in
        [("work/.flyte/config.yaml", "root"), ("work/sub/.flyte/config.yaml", "dot"), ("work/sub/config.yaml", "here")]
    {
        user.file(path, &nearby.replace("ORG", name));
        assert_eq!(org(&[named, endpoint]).unwrap(), name);
    }
    assert_eq!(user.notes(), [""; 0]);
}

/// T8a: a file that lay nearby may say which project, and nothing about servers and programs, until the user
/// named it. Another content is not trusted, whoever wrote it.
#[test]
fn a_planted_file_names_no_server_and_no_command_until_it_is_trusted() {
    let user = User::new();
    user.file(HOME, GOOD);
    let planted = "admin: {endpoint: evil.example.org, authType: ExternalCommand, command: [touch, /x]}\ntask: {org: evil, project: p, domain: d}\n";
    for place in ["work/sub/config.yaml", "work/sub/.flyte/config.yaml", "work/.flyte/config.yaml"] {
        user.file(place, planted);
        let config = user.read(&[]).unwrap();
        assert_eq!((config.endpoint.base_url.host(), config.org.as_str()), ("acme.hosted.example", "acme"), "{place}");
        assert!(matches!(config.login, Login::Pkce));
        let notes = user.notes();
        assert!(notes.len() == 1 && notes[0].contains(place) && notes[0].contains("FLYTECTL_CONFIG"), "{notes:?}");

        let path = user.path(place);
        let trusted = user.read(&[("UCTL_CONFIG", path.to_str().unwrap())]).unwrap();
        assert_eq!((trusted.endpoint.base_url.host(), user.notes().len()), ("evil.example.org", 0));
        let remembered = user.read(&[]).unwrap();
        assert_eq!((remembered.endpoint.base_url.host(), user.notes().len()), ("evil.example.org", 0));
        user.file(place, &format!("{planted}# one byte more\n"));
        assert_eq!(user.read(&[]).unwrap().endpoint.base_url.host(), "acme.hosted.example");
        assert_eq!(user.notes().len(), 1);
        fs::remove_file(path).unwrap();
    }
}

/// T8a: whoever can ask is told what the file would do; a yes is for what was looked at and nothing else.
#[test]
fn a_yes_trusts_the_file_as_it_was_looked_at() {
    let user = User::new();
    user.file(HOME, GOOD);
    let planted = "admin: {endpoint: evil.example.org, command: [touch, /x], proxyCommand: \"a\\u001b b\"}\ntask: {project: p, domain: d}\n";
    user.file("work/sub/config.yaml", planted);
    let files = untrusted_files(&user.settings(&[]));
    assert_eq!((files.len(), files[0].path(), user.notes().len()), (1, user.path("work/sub/config.yaml").as_path(), 0));
    let what =
        r#"It names the server "evil.example.org" and starts the program "touch" and starts the program "a\x1b b""#;
    assert_eq!(files[0].what(), what);
    user.file("work/sub/config.yaml", &planted.replace("evil", "worse"));
    files[0].keep_trust().unwrap();
    assert_eq!(user.read(&[]).unwrap().org, "acme");
    user.file("work/sub/config.yaml", planted);
    assert_eq!(user.read(&[]).unwrap().endpoint.base_url.host(), "evil.example.org");
    assert!(untrusted_files(&user.settings(&[])).is_empty());
}

/// T8a: without any other configuration the error says which file was skipped.
#[test]
fn a_skipped_file_is_named_where_nothing_else_is_configured() {
    let user = User::new();
    user.file("work/sub/config.yaml", GOOD);
    let error = user.read(&[]).unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("admin.endpoint")));
    assert!(error.to_string().contains("sub/config.yaml is not trusted"), "{error}");
}

/// T8a: trust is kept in the state directory, and a directory that is not ours alone keeps none.
#[test]
fn trust_that_others_could_have_written_is_none() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = User::new();
    user.file(HOME, GOOD).file("work/sub/config.yaml", &GOOD.replace("acme", "evil"));
    let here = user.path("work/sub/config.yaml");
    user.read(&[("UCTL_CONFIG", here.to_str().unwrap())]).unwrap();
    assert_eq!(user.read(&[]).unwrap().org, "evil");
    fs::set_permissions(user.path("state/trusted-files"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(user.read(&[]).unwrap().org, "acme");
}

#[test]
fn the_home_directory_is_ones_own_also_as_working_directory() {
    let user = User::new();
    user.file(HOME, GOOD);
    let surroundings = Surroundings::none().with_home(user.path("home")).with_working_dir(user.path("home"));
    let config = Config::read(&user.settings(&[]).with_surroundings(surroundings)).unwrap();
    assert_eq!((config.org.as_str(), user.notes().len()), ("acme", 0));
}

/// T8a: what lies nearby and cannot be read, is a pipe, or is somebody else's kind of file stops nobody.
#[test]
fn odd_files_nearby_are_passed_over() {
    let user = User::new();
    user.file(HOME, GOOD);
    user.file("work/sub/config.yaml", "title: my site\n").file("work/sub/.flyte/config.yaml", "admin: [\n");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        user.path("work/.flyte/config.yaml"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(user.read(&[]).unwrap().org, "acme");
    let notes = user.notes();
    assert!(notes.len() == 2 && notes[0].contains("YAML") && notes[1].contains("not a regular file"), "{notes:?}");
}

/// F4: a file that is named or lies at home has to be one, and the error says which it was.
#[test]
fn a_named_file_that_cannot_be_read_is_an_error() {
    let user = User::new();
    for path in ["/dev/zero", "/nonexistent/config.yaml", "/proc"] {
        let error = user.read(&[("UCTL_CONFIG", path)]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("UCTL_CONFIG")), "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
    user.file(HOME, "admin:\n  endpoint: \"hunter22\n");
    let error = user.read(&[]).unwrap_err();
    assert!(error.to_string().contains("YAML, line") && !error.to_string().contains("hunter22"), "{error}");
}

/// K6: values that do not fit are named with where they stand; secrets among them are not shown.
#[test]
fn values_that_do_not_fit_are_named_with_their_place() {
    let user = User::new();
    let endpoint = ("FLYTE_ADMIN_ENDPOINT", "acme.hosted.example");
    for (variable, value, words) in [
        ("FLYTE_ADMIN_INSECURE", "maybe", "found \"maybe\""),
        ("FLYTE_ADMIN_ENDPOINT", "https://me:hunter22@acme.example", "expected host"),
        ("FLYTE_AUTH_TYPE", "magic", "Pkce, DeviceFlow"),
        ("FLYTE_AUTH_PROXY_COMMAND", "hunter22 \"", "a command"),
        ("FLYTE_ADMIN_SCOPES", "a\nb\n", ""),
        ("FLYTE_TASK_PROJECT", "a b", "1 to 63"),
        ("FLYTE_TASK_DOMAIN", &"d".repeat(64), "1 to 63"),
        ("FLYTE_ADMIN_HTTPPROXYURL", "http://me:hunter22@proxy", "expected"),
        ("FLYTE_API_KEY", "hunter22", "base64"),
    ] {
        let result = user.read(&with_task(&[endpoint, (variable, value)]));
        if words.is_empty() {
            assert_eq!(result.unwrap().scopes, ["a", "b"]);
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some(variable)), "{error}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("hunter22"), "{error}");
    }
    user.file(HOME, "admin: {endpoint: a.b.c, insecure: [no]}\ntask: {project: p, domain: d}\n");
    let error = user.read(&[]).unwrap_err();
    assert!(error.to_string().starts_with("admin.insecure in /") && error.to_string().contains(HOME), "{error}");
}

#[test]
fn booleans_are_words_and_not_truthy() {
    let user = User::new();
    for (value, url) in [("false", "https://localhost:1"), ("0", "https://localhost:1"), ("TRUE", "http://localhost:1")]
    {
        let config = user.read(&with_task(&[
            ("FLYTE_ADMIN_ENDPOINT", "localhost:1"),
            ("FLYTE_TASK_ORG", "o"),
            ("FLYTE_ADMIN_INSECURE", value),
        ]));
        assert_eq!(config.unwrap().endpoint.base_url.to_string(), url);
    }
}

#[test]
fn what_every_request_needs_is_named_before_any() {
    let user = User::new();
    for (variables, field) in [
        (vec![], "admin.endpoint"),
        (with_task(&[("FLYTE_ADMIN_ENDPOINT", "localhost")]), "task.org"),
        (vec![("FLYTE_ADMIN_ENDPOINT", "a.b.c"), ("FLYTE_TASK_DOMAIN", "d")], "task.project"),
        (vec![("FLYTE_ADMIN_ENDPOINT", "a.b.c"), ("FLYTE_TASK_PROJECT", "p")], "task.domain"),
    ] {
        let error = user.read(&variables).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some(field)), "{error}");
    }
}

/// N2: certificates cannot be left unchecked; the way out is in the message.
#[test]
fn skipping_the_check_of_certificates_is_refused_unless_an_authority_is_named() {
    let user = User::new();
    let base = [("FLYTE_ADMIN_ENDPOINT", "a.b.c"), ("FLYTE_ADMIN_INSECURESKIPVERIFY", "true")];
    let error = user.read(&with_task(&base)).unwrap_err();
    assert!(error.to_string().contains("admin.caCertFilePath"), "{error}");
    let config = user.read(&with_task(&[base[0], base[1], ("FLYTE_ADMIN_CACERTFILEPATH", "ca.pem")])).unwrap();
    assert_eq!(config.endpoint.ca_file, Some(user.path("work/sub/ca.pem")));
}

#[test]
fn an_api_key_is_stronger_than_a_file() {
    let user = User::new();
    user.file(HOME, GOOD);
    let key = ApiKey {
        endpoint: "b.hosted.example:9443".to_owned(),
        client_id: "ci".to_owned(),
        client_secret: "hunter22".into(),
        org: None,
    };
    let config = user.read(&[("FLYTE_API_KEY", key.encode().expose_secret())]).unwrap();
    assert_eq!(config.endpoint.base_url.to_string(), "https://b.hosted.example:9443");
    assert!(matches!(&config.login, Login::ClientSecret { id, .. } if id == "ci") && config.org == "b");
    assert!(!format!("{config:?}").contains("hunter22"));
}

#[test]
fn a_clients_secret_comes_from_a_variable_or_a_file_and_decides() {
    let user = User::new();
    user.file("work/sub/secret", "from-file\n");
    let secret = |more: &[(&'static str, &'static str)]| {
        let config = user
            .read(&with_task(&[&[("FLYTE_ADMIN_ENDPOINT", "a.b.c"), ("FLYTE_ADMIN_CLIENTID", "i")], more].concat()));
        config.map(|config| match config.login {
            Login::ClientSecret { secret, .. } => Some(secret.expose_secret().to_owned()),
            _ => None,
        })
    };
    let (file, variable) =
        (("FLYTE_ADMIN_CLIENTSECRETLOCATION", "secret"), ("FLYTE_ADMIN_CLIENTSECRETENVVAR", "MY_SECRET"));
    assert_eq!(secret(&[file, ("FLYTE_AUTH_TYPE", "Pkce")]).unwrap().as_deref(), Some("from-file"));
    assert_eq!(secret(&[file, variable]).unwrap().as_deref(), Some("hunter22"));
    let unset = ("FLYTE_ADMIN_CLIENTSECRETENVVAR", "NOT_SET");
    assert_eq!(secret(&[unset]).unwrap_err().field(), Some("admin.clientSecretEnvVar"));
    assert_eq!(secret(&[unset, ("FLYTE_AUTH_TYPE", "device-flow")]).unwrap(), None);
    assert_eq!(secret(&[("FLYTE_AUTH_TYPE", "ClientSecret")]).unwrap_err().field(), Some("admin.clientSecretLocation"));
    let missing = secret(&[("FLYTE_ADMIN_CLIENTSECRETLOCATION", "nothing")]).unwrap_err();
    assert!(missing.to_string().contains("work/sub/nothing"), "{missing}");
}

#[test]
fn a_command_is_a_list_an_array_or_a_line() {
    let user = User::new();
    let command = |config: Config| match config.login {
        Login::ExternalCommand(words) => words,
        other => panic!("{other:?}"),
    };
    let base = [("FLYTE_ADMIN_ENDPOINT", "a.b.c"), ("FLYTE_AUTH_TYPE", "ExternalCommand")];
    for line in [r#"["get", "a b"]"#, "get 'a b'"] {
        let config = user.read(&with_task(&[base[0], base[1], ("FLYTE_ADMIN_COMMAND", line)])).unwrap();
        assert_eq!(command(config), ["get", "a b"]);
    }
    user.file(HOME, "admin:\n  endpoint: a.b.c\n  authType: external_command\n  command: [get, a b]\n");
    assert_eq!(command(user.read(&TASK).unwrap()), ["get", "a b"]);
    let error = user.read(&with_task(&base)[..]).map(command);
    assert_eq!(error.unwrap(), ["get", "a b"]);
}

#[test]
fn nothing_is_kept_where_that_is_switched_off() {
    let user = User::new();
    let endpoint = ("FLYTE_ADMIN_ENDPOINT", "a.b.c");
    assert_eq!(user.read(&with_task(&[endpoint])).unwrap().token_dir, Some(user.path("state/tokens")));
    let off = ("FLYTE_ADMIN_DISABLEKEYRING", "true");
    assert_eq!(user.read(&with_task(&[endpoint, off])).unwrap().token_dir, None);
}

/// A path of its own, so that the compiler sees that it is used with and without a file.
#[test]
fn a_relative_name_is_meant_from_the_working_directory() {
    let surroundings = Surroundings::none().with_working_dir("/w");
    assert_eq!(login::below_working_dir(&surroundings, "a"), Path::new("/w/a"));
    assert_eq!(login::below_working_dir(&surroundings, "/a"), Path::new("/a"));
}
