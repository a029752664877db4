//! JSON that is passed on as it came, byte by byte: nothing is lost that nobody reads.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The value at these keys of a JSON text, as it stands there; `None` where one of the keys is missing or null.
///
/// A key may be in the spelling of the definition, too (`run_spec` for `runSpec`).
///
/// # Errors
/// What is wrong, in our own words: something on the way is no object, has the key twice, or is not JSON.
pub(crate) fn at<'a>(text: &'a str, path: &[&str]) -> Result<Option<&'a RawValue>, String> {
    let (mut text, mut found) = (text, None);
    for (depth, key) in path.iter().enumerate() {
        let mut parser = serde_json::Deserializer::from_str(text);
        let member = parser.deserialize_map(Member { key }).and_then(|member| parser.end().map(|()| member));
        // serde_json's messages hold none of the text.
        let member = member.map_err(|error| format!("{}: {error}", shown(&path[..depth])))?;
        let Some(member) = member.filter(|member| member.get() != "null") else { return Ok(None) };
        (text, found) = (member.get(), Some(member));
    }
    Ok(found)
}

/// An object with these of its members alone: what the others hold is nobody's
/// concern here, however large or odd it is.
///
/// # Errors
/// As [`at`].
pub(crate) fn only(object: &RawValue, keys: &[&'static str]) -> Result<String, String> {
    let mut members = Vec::new();
    for &key in keys {
        if let Some(value) = at(object.get(), &[key])? {
            members.push(format!("\"{key}\":{}", value.get()));
        }
    }
    Ok(format!("{{{}}}", members.join(",")))
}

/// Whether a value is an object, as far as its first letter says.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn shown(path: &[&str]) -> String {
    if path.is_empty() { "the answer".to_owned() } else { path.join(".") }
}

/// `runSpec` as the definition spells it: `run_spec`.
fn in_snake_case(key: &str) -> String {
    key.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

/// Picks one member out of an object and keeps nothing of the others.
struct Member<'k> {
    key: &'k str,
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (snake, mut found) = (in_snake_case(self.key), None);
        while let Some(key) = members.next_key::<String>()? {
            if key != self.key && key != snake {
                members.next_value::<IgnoredAny>()?;
            } else if found.replace(members.next_value()?).is_some() {
                return Err(de::Error::custom(format_args!("duplicate field {}", self.key)));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<'a>(text: &'a str, path: &[&str]) -> Result<Option<&'a str>, String> {
        at(text, path).map(|found| found.map(RawValue::get))
    }

    #[test]
    fn a_value_comes_out_as_it_stands_in_both_spellings_of_its_key() {
        let odd = r#"{ "x" : 1e300, "y": 18446744073709551616, "x": "A" }"#;
        for key in ["runSpec", "run_spec"] {
            let answer = format!(r#"{{"new": [{{}}], "details": {{"{key}": {odd}, "z": null}}}}"#);
            assert_eq!(text(&answer, &["details", "runSpec"]), Ok(Some(odd)));
            assert_eq!(text(&answer, &["details", "z", "q"]), Ok(None));
            assert_eq!(text(&answer, &["detail"]), Ok(None));
        }
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(text(&deep, &["a"]).unwrap().unwrap().len(), 20_000);
    }

    #[test]
    fn members_that_are_not_wanted_are_left_behind() {
        let details: Box<RawValue> =
            serde_json::from_str(r#"{"task": 1e999, "error_info": {}, "id": [1], "x": null}"#).unwrap();
        assert_eq!(only(&details, &["id", "errorInfo", "x", "y"]).unwrap(), r#"{"id":[1],"errorInfo":{}}"#);
        assert_eq!(only(&details, &[]).unwrap(), "{}");
        let list: Box<RawValue> = serde_json::from_str("[]").unwrap();
        assert!(only(&list, &["id"]).is_err());
    }

    /// S9: no array stands for an object, no second key for the first, and nothing after the end is passed over.
    #[test]
    fn what_is_no_object_or_has_a_key_twice_is_refused_where_it_stands() {
        for (answer, words) in [
            (r#"{"a": []}"#, "a: invalid type: sequence"),
            (r#"{"a": {"b": 1, "b": 2}}"#, "a: duplicate field b"),
            ("[]", "the answer: invalid type"),
            ("{} {}", "the answer: trailing"),
            (r#"{"a": {"b": 1}"#, "the answer: EOF"),
        ] {
            let fault = text(answer, &["a", "b"]).unwrap_err();
            assert!(fault.starts_with(words), "{fault}");
        }
        assert!(text(r#"{"runSpec": 1, "run_spec": 2}"#, &["runSpec"]).unwrap_err().contains("duplicate"));
    }

    proptest! {
        /// S9: whatever comes, it is a value, none, or a fault.
        #[test]
        fn any_text_has_a_value_or_a_fault(answer in r#"[{]("a"|[:,{}\[\]]|1|null|"b"){0,20}"#) {
            let _either = at(&answer, &["a", "b"]);
        }
    }
}
