//! A checked JSON tree, turned into the caller's type.
//!
//! It differs from serde_json's own conversion in two ways: a struct is read from an object only
//! (serde's derive also takes an array), and every fault says where it is and never shows the value.
//! Both hold for nested types too, except below `#[serde(flatten)]` and untagged enums, where serde
//! keeps a copy of its own.

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Value;

use crate::fault::{Fault, Place};

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    value: &'a Value,
    place: &'a Place<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn new(value: &'a Value, place: &'a Place<'a>) -> Self {
        Self { value, place }
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::String(text) => visitor.visit_str(text),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => Err(Fault::new("a number out of range")),
            },
            Value::Array(list) => visitor.visit_seq(Elements { list: list.iter().enumerate(), place: self.place }),
            Value::Object(_) => visitor.visit_map(self.entries()),
        }
    }

    fn entries(self) -> Entries<'a> {
        let entries = self.value.as_object().map(serde_json::Map::iter);
        Entries { entries, next: None, place: self.place }
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| fault.at(self.place))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.value.is_array() {
            return Err(Fault::invalid_type(Unexpected::Seq, &"an object").at(self.place));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let read = match self.value {
            Value::String(word) => visitor.visit_enum(StrDeserializer::new(word)),
            Value::Object(_) => visitor.visit_enum(MapAccessDeserializer::new(self.entries())),
            _ => self.visit(visitor),
        };
        read.map_err(|fault| fault.at(self.place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

struct Elements<'a> {
    list: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    place: &'a Place<'a>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((index, value)) = self.list.next() else { return Ok(None) };
        let place = Place::Index(self.place, index);
        seed.deserialize(Node::new(value, &place)).map(Some).map_err(|fault| fault.at(&place))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len())
    }
}

struct Entries<'a> {
    entries: Option<serde_json::map::Iter<'a>>,
    next: Option<(&'a str, &'a Value)>,
    place: &'a Place<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.entries.as_mut().and_then(Iterator::next) else { return Ok(None) };
        self.next = Some((key, value));
        let key: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, value) = self.next.take().ok_or_else(|| Fault::new("a value without its key"))?;
        let place = Place::Key(self.place, key);
        seed.deserialize(Node::new(value, &place)).map_err(|fault| fault.at(&place))
    }
}
