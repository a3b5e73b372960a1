use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// JSON after parsing, and also a form: what a body is before it takes the wanted type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// A JSON number; integers up to 64 bits stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// If any crate of a program switches serde_json's feature `arbitrary_precision` on, serde_json hands over a number that
/// is no 64-bit integer as an object with this one field.
const EXACT_NUMBER: &str = "$serde_json::private::Number";

/// Why bytes are not taken as JSON.
pub(crate) enum JsonFault {
    Syntax { line: usize, column: usize },
    Duplicate { name: String },
}

/// Parses JSON; keeps integers exact and refuses an object that names a field twice.
pub(crate) fn parse(body: &[u8]) -> Result<Value, JsonFault> {
    let duplicate = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let parsed = Tree { duplicate: &duplicate }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    parsed.map_err(|error| match duplicate.take() {
        Some(name) => JsonFault::Duplicate { name },
        None => JsonFault::Syntax { line: error.line(), column: error.column() },
    })
}

#[derive(Clone, Copy)]
struct Tree<'a> {
    /// Where the name of a duplicate field is left, because the parser's error can only carry a text.
    duplicate: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
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
        Ok(Value::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Signed(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut names = HashSet::new();
        let mut fields = Vec::new();
        while let Some(name) = entries.next_key::<String>()? {
            if name == EXACT_NUMBER && fields.is_empty() {
                let digits: String = entries.next_value()?;
                let number = digits.parse().map_err(|_| A::Error::custom("not a number"))?;
                return Ok(Value::Number(Number::Float(number)));
            }
            if !names.insert(name.clone()) {
                self.duplicate.replace(Some(name));
                return Err(A::Error::custom("duplicate field"));
            }
            fields.push((name, entries.next_value_seed(self)?));
        }
        Ok(Value::Object(fields))
    }
}
