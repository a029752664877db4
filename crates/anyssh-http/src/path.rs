//! The path of a request, made of segments that can only ever be segments.

use anyssh_core::FieldError;

const EXPECTED: &str = "a path segment that is not empty, `.` or `..`";

/// `segments` as a path, each percent-encoded as one segment (RFC 3986 §3.3).
///
/// Everything but unreserved characters is encoded, so `/`, `?`, `#`, `%` and `\` inside an id stay
/// inside it. `.` and `..` are refused: the URL parser would drop them, encoded or not (S7).
pub(crate) fn encode(segments: &[&str]) -> Result<String, FieldError> {
    let mut path = String::new();
    for segment in segments {
        if matches!(*segment, "" | "." | "..") {
            return Err(FieldError::new("path", EXPECTED, segment));
        }
        path.push('/');
        push_encoded(&mut path, segment);
    }
    Ok(path)
}

fn push_encoded(path: &mut String, segment: &str) {
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaseUrl;
    use proptest::prelude::*;

    #[test]
    fn delimiters_inside_an_id_stay_inside_it() {
        assert_eq!(encode(&["v1", "a/../b", "c?d#e%2e", "\\"]).unwrap(), "/v1/a%2F..%2Fb/c%3Fd%23e%252e/%5C");
        assert_eq!(encode(&["grüße"]).unwrap(), "/gr%C3%BC%C3%9Fe");
    }

    proptest! {
        /// S7: whatever the id, the URL has exactly our segments, and the id comes back out of the third.
        #[test]
        fn an_id_is_one_segment_or_refused(id in any::<String>()) {
            let base = BaseUrl::parse("u", "https://a.example/p").unwrap();
            match encode(&["v1", "x", &id, "ssh"]) {
                Err(_) => prop_assert!(matches!(id.as_str(), "" | "." | "..")),
                Ok(path) => {
                    let url = base.at(&path).expect("the parser reads what was built");
                    prop_assert_eq!(url.host_str(), Some("a.example"));
                    prop_assert_eq!((url.query(), url.fragment()), (None, None));
                    let segments: Vec<_> = url.path_segments().unwrap().collect();
                    prop_assert_eq!(segments.len(), 5);
                    prop_assert_eq!((segments[0], segments[1], segments[2], segments[4]), ("p", "v1", "x", "ssh"));
                    prop_assert_eq!(decode(segments[3]), id);
                }
            }
        }
    }

    fn decode(segment: &str) -> String {
        // A form with one value decodes percent escapes; `+` is always escaped by us.
        url::form_urlencoded::parse(format!("k={segment}").as_bytes()).next().unwrap().1.into_owned()
    }
}
