use std::fmt;

use super::error::CallbackError;

/// A custom variable together with its value: what a template needs to mention it and the upload to send it.
///
/// OSS substitutes it for `${x:name}`. The value travels in `callback-var` (header or query) or, in a browser
/// upload, as a form field of its own; it may be secret, so `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Custom {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Custom {
    /// Names a variable and gives its value. The prefix `x:` may be left out: `uid` and `x:uid` are the same.
    ///
    /// The name must be made of lower-case letters, digits, `_`, `-` and `.` (checked by
    /// [`CallbackBuilder::build`](crate::CallbackBuilder::build)).
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let name = if name.starts_with(PREFIX) { name } else { format!("{PREFIX}{name}") };
        Self { name, value: value.into() }
    }

    /// The full name, with its `x:`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, as the application server will get it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn check_name(&self) -> Result<(), CallbackError> {
        if is_custom_name(&self.name) {
            return Ok(());
        }
        Err(CallbackError::CustomName { name: self.name.clone() })
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).field("value", &"<redacted>").finish()
    }
}

pub(crate) const PREFIX: &str = "x:";

/// Whether `name` is `x:` and at least one lower-case letter, digit, `_`, `-` or `.`.
pub(crate) fn is_custom_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_may_be_left_out() {
        assert_eq!(Custom::new("uid", "1"), Custom::new("x:uid", "1"));
    }

    #[test]
    fn names_outside_the_documented_alphabet_are_refused() {
        for name in ["", "UID", "u id", "u}", "x:", "ü", "a:b", "a$b"] {
            assert!(Custom::new(name, "v").check_name().is_err(), "{name:?}");
        }
        assert!(Custom::new("order_id-2.a", "v").check_name().is_ok());
    }

    #[test]
    fn debug_hides_the_value() {
        assert!(!format!("{:?}", Custom::new("t", "s3cret")).contains("s3cret"));
    }
}
