use std::fmt;

use percent_encoding::utf8_percent_encode;

use super::custom::Custom;
use super::error::CallbackError;
use super::variable::Variable;
use crate::percent::RESERVED;

/// A callback body of type `application/x-www-form-urlencoded`, field by field.
///
/// Made by [`BodyTemplate::form`](crate::BodyTemplate::form).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FormTemplate {
    fields: Vec<(String, FormValue)>,
}

/// The value of a field of a [`FormTemplate`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormValue {
    /// What OSS knows about the upload.
    Variable(Variable),
    /// What the uploader says, sent beside the body.
    Custom(Custom),
    /// What the uploader says, written into the body.
    Constant(String),
}

impl FormTemplate {
    /// Adds a field. Names must differ from each other (checked when the callback is built).
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<FormValue>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.fields {
            if !text.is_empty() {
                text.push('&');
            }
            text.extend(utf8_percent_encode(name, RESERVED));
            text.push('=');
            match value {
                FormValue::Variable(variable) => text.push_str(&variable.to_string()),
                FormValue::Custom(custom) => text.push_str(&format!("${{{}}}", custom.name())),
                FormValue::Constant(constant) => text.extend(utf8_percent_encode(constant, RESERVED)),
            }
        }
        text
    }

    /// Refuses duplicate names; returns the custom variables.
    pub(crate) fn check(&self) -> Result<Vec<&Custom>, CallbackError> {
        for (at, (name, _)) in self.fields.iter().enumerate() {
            if self.fields.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(CallbackError::DuplicateField { name: name.clone() });
            }
        }
        Ok(self
            .fields
            .iter()
            .filter_map(|(_, value)| match value {
                FormValue::Custom(custom) => Some(custom),
                FormValue::Variable(_) | FormValue::Constant(_) => None,
            })
            .collect())
    }
}

impl From<Variable> for FormValue {
    fn from(variable: Variable) -> Self {
        Self::Variable(variable)
    }
}

impl From<Custom> for FormValue {
    fn from(custom: Custom) -> Self {
        Self::Custom(custom)
    }
}

impl From<&str> for FormValue {
    fn from(constant: &str) -> Self {
        Self::Constant(constant.to_owned())
    }
}

impl From<String> for FormValue {
    fn from(constant: String) -> Self {
        Self::Constant(constant)
    }
}

impl From<&String> for FormValue {
    fn from(constant: &String) -> Self {
        Self::Constant(constant.clone())
    }
}

impl From<u32> for FormValue {
    fn from(constant: u32) -> Self {
        Self::Constant(constant.to_string())
    }
}

impl From<i32> for FormValue {
    fn from(constant: i32) -> Self {
        Self::Constant(constant.to_string())
    }
}

impl From<u64> for FormValue {
    fn from(constant: u64) -> Self {
        Self::Constant(constant.to_string())
    }
}

impl From<i64> for FormValue {
    fn from(constant: i64) -> Self {
        Self::Constant(constant.to_string())
    }
}

impl From<bool> for FormValue {
    fn from(constant: bool) -> Self {
        Self::Constant(constant.to_string())
    }
}

/// Shows the fields' names only: constants may be secret.
impl fmt::Debug for FormTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// Leaves constants out: they may be secret.
impl fmt::Debug for FormValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(variable) => f.debug_tuple("Variable").field(variable).finish(),
            Self::Custom(custom) => f.debug_tuple("Custom").field(custom).finish(),
            Self::Constant(_) => f.write_str("Constant(<redacted>)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_constants_are_escaped_and_variables_are_not() {
        let name = String::from("x");
        let form = FormTemplate::default()
            .field("a&b", "1=2 ${object} 中")
            .field("o", Variable::Object)
            .field("n", 7_u64)
            .field("m", -7_i64)
            .field("i", -1)
            .field("j", 1_u32)
            .field("s", &name)
            .field("t", true)
            .field("u", Custom::new("uid", "secret"));
        assert_eq!(
            form.text(),
            "a%26b=1%3D2%20%24%7Bobject%7D%20%E4%B8%AD&o=${object}&n=7&m=-7&i=-1&j=1&s=x&t=true&u=${x:uid}"
        );
        assert!(!format!("{form:?}").contains("secret"));
    }

    #[test]
    fn the_same_name_twice_is_refused() {
        let form = FormTemplate::default().field("a", "1").field("a", "1");
        assert_eq!(form.check(), Err(CallbackError::DuplicateField { name: "a".into() }));
    }
}
