use crate::json::{Number, Value};

impl Value {
    /// Whether OSS could have meant "there is none".
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => false,
        }
    }

    /// A text that spells a number becomes that number, so that a target type which wants one gets it.
    pub(super) fn into_number(self) -> Self {
        let Self::Text(text) = &self else {
            return self;
        };
        // Only plain digits: `u64::from_str` would also take a plus sign.
        let digits = text.strip_prefix('-').unwrap_or(text);
        let number = if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            None
        } else if let Ok(number) = text.parse() {
            Some(Number::Unsigned(number))
        } else if let Ok(number) = text.parse() {
            Some(Number::Signed(number))
        } else if text.contains('.') {
            text.parse().ok().map(Number::Float)
        } else {
            None
        };
        number.map_or(self, Self::Number)
    }

    /// A number becomes the text that spells it, for a target type that wants text.
    pub(super) fn into_text(self) -> Self {
        match self {
            Self::Number(Number::Unsigned(number)) => Self::Text(number.to_string()),
            Self::Number(Number::Signed(number)) => Self::Text(number.to_string()),
            other => other,
        }
    }

    pub(super) fn into_bool(self) -> Self {
        match &self {
            Self::Text(text) if text == "true" => Self::Bool(true),
            Self::Text(text) if text == "false" => Self::Bool(false),
            _ => self,
        }
    }
}
