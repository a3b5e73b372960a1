use std::fmt::{self, Write as _};

use super::custom::Custom;
use super::error::CallbackError;
use super::variable::Variable;

/// A callback body of type `application/json`, field by field.
///
/// Made by [`BodyTemplate::json`](crate::BodyTemplate::json). OSS writes text variables with their quotes,
/// numbers bare, and `null` for what it does not have.
#[derive(Clone, Default, PartialEq)]
pub struct JsonTemplate {
    fields: Vec<(String, JsonValue)>,
}

/// The value of a field of a [`JsonTemplate`].
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum JsonValue {
    /// What OSS knows about the upload.
    Variable(Variable),
    /// What the uploader says, sent beside the body; arrives as a string.
    Custom(Custom),
    /// A constant string.
    Text(String),
    /// A constant number.
    Unsigned(u64),
    /// A constant number.
    Signed(i64),
    /// A constant truth value.
    Bool(bool),
    /// `null`
    Null,
    /// An object of its own.
    Object(JsonTemplate),
    /// A list.
    Array(Vec<JsonValue>),
}

impl JsonTemplate {
    /// Adds a field. Names must differ from each other (checked when the callback is built).
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<JsonValue>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// An object without fields still renders as `{}`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Refuses duplicate names; returns the custom variables.
    pub(crate) fn check(&self) -> Result<Vec<&Custom>, CallbackError> {
        let mut customs = Vec::new();
        self.collect(&mut customs)?;
        Ok(customs)
    }

    fn write(&self, text: &mut String) {
        text.push('{');
        for (at, (name, value)) in self.fields.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            write_string(text, name);
            text.push(':');
            value.write(text);
        }
        text.push('}');
    }

    fn collect<'a>(&'a self, customs: &mut Vec<&'a Custom>) -> Result<(), CallbackError> {
        for (at, (name, value)) in self.fields.iter().enumerate() {
            if self.fields.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(CallbackError::DuplicateField { name: name.clone() });
            }
            value.collect(customs)?;
        }
        Ok(())
    }
}

impl JsonValue {
    fn write(&self, text: &mut String) {
        match self {
            Self::Variable(variable) => push(text, format_args!("{variable}")),
            Self::Custom(custom) => push(text, format_args!("${{{}}}", custom.name())),
            Self::Text(constant) => write_string(text, constant),
            Self::Unsigned(number) => push(text, format_args!("{number}")),
            Self::Signed(number) => push(text, format_args!("{number}")),
            Self::Bool(truth) => push(text, format_args!("{truth}")),
            Self::Null => text.push_str("null"),
            Self::Object(object) => object.write(text),
            Self::Array(items) => {
                text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    item.write(text);
                }
                text.push(']');
            }
        }
    }

    fn collect<'a>(&'a self, customs: &mut Vec<&'a Custom>) -> Result<(), CallbackError> {
        match self {
            Self::Custom(custom) => customs.push(custom),
            Self::Object(object) => object.collect(customs)?,
            Self::Array(items) => {
                for item in items {
                    item.collect(customs)?;
                }
            }
            Self::Variable(_)
            | Self::Text(_)
            | Self::Unsigned(_)
            | Self::Signed(_)
            | Self::Bool(_)
            | Self::Null => {}
        }
        Ok(())
    }
}

fn push(text: &mut String, piece: fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = text.write_fmt(piece);
}

/// Writes a JSON string in which no `$` is left, because OSS would take it for the start of a variable.
fn write_string(text: &mut String, constant: &str) {
    text.push('"');
    for character in constant.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' => text.push_str("\\u0024"),
            control if u32::from(control) < 0x20 => push(text, format_args!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}

impl From<Variable> for JsonValue {
    fn from(variable: Variable) -> Self {
        Self::Variable(variable)
    }
}

impl From<Custom> for JsonValue {
    fn from(custom: Custom) -> Self {
        Self::Custom(custom)
    }
}

impl From<&str> for JsonValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for JsonValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for JsonValue {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<u32> for JsonValue {
    fn from(number: u32) -> Self {
        Self::Unsigned(number.into())
    }
}

impl From<i32> for JsonValue {
    fn from(number: i32) -> Self {
        Self::Signed(number.into())
    }
}

impl From<u64> for JsonValue {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl From<i64> for JsonValue {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl From<bool> for JsonValue {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<JsonTemplate> for JsonValue {
    fn from(object: JsonTemplate) -> Self {
        Self::Object(object)
    }
}

impl From<Vec<JsonValue>> for JsonValue {
    fn from(items: Vec<JsonValue>) -> Self {
        Self::Array(items)
    }
}

/// Shows the fields' names only: constants may be secret.
impl fmt::Debug for JsonTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// Leaves constants out: they may be secret.
impl fmt::Debug for JsonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => f.debug_tuple("Variable").field(variable).finish(),
            Self::Custom(custom) => f.debug_tuple("Custom").field(custom).finish(),
            Self::Object(object) => f.debug_tuple("Object").field(object).finish(),
            Self::Array(items) => f.debug_tuple("Array").field(items).finish(),
            _ => f.write_str("Constant(<redacted>)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_escaped_and_variables_are_not() {
        let name = String::from("x");
        let inner = JsonTemplate::default().field("width", Variable::ImageWidth);
        let json = JsonTemplate::default()
            .field("o\"b", Variable::Object)
            .field("price", "\\${object} \u{1} \n é")
            .field("n", 7_u64)
            .field("m", -7_i64)
            .field("i", -1)
            .field("j", 1_u32)
            .field("s", &name)
            .field("t", true)
            .field("nothing", JsonValue::Null)
            .field("image", inner)
            .field("list", vec![JsonValue::from("a"), Custom::new("uid", "1").into()]);
        assert_eq!(
            json.text(),
            "{\"o\\\"b\":${object},\"price\":\"\\\\\\u0024{object} \\u0001 \\n é\",\"n\":7,\"m\":-7,\"i\":-1,\"j\":1,\"s\":\"x\",\"t\":true,\
             \"nothing\":null,\"image\":{\"width\":${imageInfo.width}},\"list\":[\"a\",${x:uid}]}"
        );
    }

    #[test]
    fn the_same_name_twice_is_refused_at_any_depth() {
        let inner = JsonTemplate::default().field("a", "1").field("a", "1");
        let outer = JsonTemplate::default().field("a", vec![JsonValue::from(inner)]);
        assert_eq!(outer.check(), Err(CallbackError::DuplicateField { name: "a".into() }));
    }
}
