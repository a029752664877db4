//! JSON from outside, read strictly: what other parsers guess about is refused here (S9).
//!
//! serde_json alone takes the last of two equal keys, turns a large integer into a nearby float and
//! accepts an array for a struct. So the bytes are first read into a tree under our own limits, and
//! the tree is then turned into the caller's type by [`crate::typed`].

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::fault::{Fault, Place};
use crate::typed::Node;

/// The deepest nesting of arrays and objects. The vendors' own answers go four deep.
pub(crate) const DEEPEST: usize = 32;

/// The longest string or key, in bytes. The longest real one is a certificate of a few KiB.
pub(crate) const LONGEST_STRING: usize = 64 * 1024;

/// From here on not every whole number is a float, so a float may stand for its neighbour.
const FIRST_LOSSY_FLOAT: f64 = 9_007_199_254_740_992.0; // 2^53

/// Reads `bytes` as one JSON text of type `T`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let tree = tree(bytes)?;
    T::deserialize(Node::new(&tree, &Place::Top)).map_err(|fault| fault.at(&Place::Top))
}

/// Reads `bytes` as one JSON text, within the limits.
pub(crate) fn tree(bytes: &[u8]) -> Result<Value, Fault> {
    let text = text(bytes)?;
    let fault = Cell::new(None);
    let mut parser = serde_json::Deserializer::from_str(text);
    let top = Checked { place: &Place::Top, depth: 0, fault: &fault };
    let read = top.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    read.map_err(|error| fault.take().unwrap_or_else(|| syntax_fault(&error)))
}

/// `bytes` as text, not read any further.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::new("the answer is not UTF-8"))
}

fn syntax_fault(error: &serde_json::Error) -> Fault {
    if error.is_eof() {
        return Fault::new("the JSON is truncated");
    }
    // serde_json's messages hold none of the text, only what was expected and where.
    if error.to_string().starts_with("number out of range") {
        return Fault::new("a number out of range");
    }
    Fault::new(format!("not JSON: {error}"))
}

/// A value still to be read, with the place it stands at and the first fault found.
#[derive(Clone, Copy)]
struct Checked<'a> {
    place: &'a Place<'a>,
    depth: usize,
    fault: &'a Cell<Option<Fault>>,
}

impl<'a> Checked<'a> {
    fn refuse<E: serde::de::Error>(&self, text: impl Into<String>) -> E {
        self.fault.set(Some(Fault::new(text).at(self.place)));
        E::custom("refused")
    }

    fn inside<'b>(&'b self, place: &'b Place<'b>) -> Checked<'b> {
        Checked { place, depth: self.depth + 1, fault: self.fault }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < DEEPEST { Ok(()) } else { Err(self.refuse(format!("nesting deeper than {DEEPEST}"))) }
    }

    fn check_length<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.len() <= LONGEST_STRING {
            return Ok(());
        }
        Err(self.refuse(format!("a string that is too large: more than {LONGEST_STRING} bytes")))
    }
}

impl<'de> DeserializeSeed<'de> for Checked<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() < FIRST_LOSSY_FLOAT {
            return Ok(value.into());
        }
        Err(self.refuse("a number that is too large to be read exactly"))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.check_length(text)?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        while let Some(value) = elements.next_element_seed(self.inside(&Place::Index(self.place, list.len())))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.check_length(&key)?;
            let place = Place::Key(self.place, &key);
            let inside = self.inside(&place);
            if object.contains_key(&key) {
                return Err(inside.refuse("duplicate field"));
            }
            let value = entries.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Whether a body is a web page: what a proxy or a login portal answers in the API's place.
pub(crate) fn looks_like_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let says_so = content_type.is_some_and(|text| media_type(text).eq_ignore_ascii_case("text/html"));
    says_so || body.trim_ascii_start().starts_with(b"<")
}

/// Whether a content type promises JSON: `application/json` or anything `+json` (RFC 6839).
pub(crate) fn promises_json(content_type: &str) -> bool {
    let media_type = media_type(content_type).to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only read from JSON")]
    struct Wire {
        id: String,
        port: u16,
        inner: Option<Box<Self>>,
        #[serde(default)]
        list: Vec<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        One,
        #[serde(other)]
        Other,
    }

    #[test]
    fn enums_newtypes_and_open_words_are_read() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Id(String);
        #[derive(Debug, Deserialize, PartialEq)]
        enum Either {
            Left(u8),
            Right { id: Id },
        }
        let both: Vec<Either> = read(br#"[{"Left": 1}, {"Right": {"id": "x"}}]"#).unwrap();
        assert_eq!(both, [Either::Left(1), Either::Right { id: Id("x".to_owned()) }]);
        assert!(matches!(read::<Vec<Word>>(br#"["one", "new"]"#).unwrap()[..], [Word::One, Word::Other]));
        assert!(read::<Vec<Either>>(br#"[{"Right": [{"id": "x"}]}]"#).is_err());
    }

    #[test]
    fn a_limit_is_reached_and_not_passed() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tree(nested(DEEPEST).as_bytes()).is_ok());
        assert!(tree(nested(DEEPEST + 1).as_bytes()).unwrap_err().text.contains("nesting"));
        let string = |length: usize| format!("{:?}", "x".repeat(length));
        assert!(tree(string(LONGEST_STRING).as_bytes()).is_ok());
        assert!(tree(string(LONGEST_STRING + 1).as_bytes()).unwrap_err().text.contains("too large"));
        assert!(tree(b"9007199254740991.0").is_ok());
        assert!(tree(b"9007199254740992.0").unwrap_err().text.contains("number"));
        assert!(tree(b"18446744073709551615").is_ok());
    }

    proptest! {
        /// S9: arbitrary bytes give a value or a fault, never a panic; and a fault is fit to be shown.
        #[test]
        fn any_bytes_are_a_value_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            check(&bytes)?;
        }

        /// The same for texts that are nearly right.
        #[test]
        fn any_near_miss_is_a_value_or_a_fault(text in r#"[\[{](("(id|port|inner|list|\\u001b)"|null|-?[0-9e.]{1,25}|true|[\[\]{}:,"]|"one"):?,?){0,12}[\]}]"#) {
            check(text.as_bytes())?;
        }

        /// What serde_json writes is read back as it was.
        #[test]
        fn a_tree_survives(id in any::<String>(), port in any::<u16>(), number in any::<i64>()) {
            let value = serde_json::json!({"id": id, "port": port, "x": [number, {"y": null}, id]});
            prop_assert_eq!(&tree(value.to_string().as_bytes()).unwrap(), &value);
            prop_assert_eq!(read::<Wire>(value.to_string().as_bytes()).unwrap().id, id);
        }
    }

    fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
        let faults = [tree(bytes).err(), read::<Wire>(bytes).err()];
        for fault in faults.into_iter().flatten() {
            prop_assert!(!fault.to_string().is_empty() && !fault.to_string().contains(char::is_control));
        }
        Ok(())
    }
}
