//! One condition of a policy, written by the builder and read by the verifier.

use serde_json::{Value, json};

/// What a policy demands of a form field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// `{"field":"value"}` or `["eq","$field","value"]`
    Equal { field: String, value: String },
    /// `["starts-with","$field","prefix"]`; an empty prefix allows everything.
    StartsWith { field: String, prefix: String },
    /// `["in","$field",["a","b"]]`
    In { field: String, values: Vec<String> },
    /// `["not-in","$field",["a","b"]]`
    NotIn { field: String, values: Vec<String> },
    /// `["content-length-range",min,max]`, in bytes.
    ContentLength { min: u64, max: u64 },
}

impl Condition {
    pub(crate) fn to_json(&self) -> Value {
        let list = |values: &[String]| values.iter().map(|value| escape(value)).collect::<Vec<_>>();
        match self {
            Self::Equal { field, value } => json!(["eq", variable(field), escape(value)]),
            Self::StartsWith { field, prefix } => json!(["starts-with", variable(field), escape(prefix)]),
            Self::In { field, values } => json!(["in", variable(field), list(values)]),
            Self::NotIn { field, values } => json!(["not-in", variable(field), list(values)]),
            Self::ContentLength { min, max } => json!(["content-length-range", min, max]),
        }
    }

    /// Reads one element of `conditions`; an object may hold several equalities.
    pub(crate) fn read(element: &Value) -> Option<Vec<Self>> {
        match element {
            Value::Object(fields) if !fields.is_empty() => fields
                .iter()
                .map(|(field, value)| {
                    Some(Self::Equal { field: field.clone(), value: unescape(value.as_str()?) })
                })
                .collect(),
            Value::Array(parts) => Some(vec![Self::read_array(parts)?]),
            _ => None,
        }
    }

    /// Whether `given`, the value of the field or nothing, is what the policy wants. Lengths are checked elsewhere.
    pub(crate) fn allows(&self, given: Option<&str>) -> bool {
        let text = given.unwrap_or_default();
        match self {
            Self::Equal { value, .. } => text == value,
            Self::StartsWith { prefix, .. } => text.starts_with(prefix.as_str()),
            Self::In { values, .. } => given.is_some() && values.iter().any(|value| value == text),
            Self::NotIn { values, .. } => !values.iter().any(|value| value == text),
            Self::ContentLength { .. } => true,
        }
    }

    /// The form field the condition is about.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Equal { field, .. }
            | Self::StartsWith { field, .. }
            | Self::In { field, .. }
            | Self::NotIn { field, .. } => Some(field),
            Self::ContentLength { .. } => None,
        }
    }

    fn read_array(parts: &[Value]) -> Option<Self> {
        let [operator, subject, object] = parts else { return None };
        let operator = operator.as_str()?;
        if operator == "content-length-range" {
            let (min, max) = (subject.as_u64()?, object.as_u64()?);
            return (min <= max).then_some(Self::ContentLength { min, max });
        }
        let field = subject.as_str()?.strip_prefix('$')?.to_owned();
        let text = || object.as_str().map(unescape);
        let list = || -> Option<Vec<String>> {
            object.as_array()?.iter().map(|value| value.as_str().map(unescape)).collect()
        };
        match operator {
            "eq" => Some(Self::Equal { field, value: text()? }),
            "starts-with" => Some(Self::StartsWith { field, prefix: text()? }),
            "in" => Some(Self::In { field, values: list()? }),
            "not-in" => Some(Self::NotIn { field, values: list()? }),
            _ => None,
        }
    }
}

fn variable(field: &str) -> String {
    format!("${field}")
}

/// A dollar sign begins a variable in a policy, so a literal one is written with a backslash.
fn escape(value: &str) -> String {
    value.replace('$', "\\$")
}

fn unescape(value: &str) -> String {
    value.replace("\\$", "$")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Condition>> {
        Condition::read(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn each_form_reads_back() {
        let text = |value: &str| value.to_owned();
        for condition in [
            Condition::Equal { field: text("key"), value: text("a/${filename}\"\n好") },
            Condition::StartsWith { field: text("key"), prefix: text("") },
            Condition::In { field: text("content-type"), values: vec![text("image/jpg"), text("$")] },
            Condition::NotIn { field: text("cache-control"), values: vec![] },
            Condition::ContentLength { min: 0, max: u64::MAX },
        ] {
            let json = condition.to_json().to_string();
            assert_eq!(read(&json), Some(vec![condition]), "{json}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "1",
            "[]",
            "{}",
            r#"["eq","key","v"]"#,
            r#"["eq","$key"]"#,
            r#"["eq","$key",1]"#,
            r#"{"key":1}"#,
            r#"["like","$key","v"]"#,
            r#"["in","$key","v"]"#,
            r#"["in","$key",[1]]"#,
            r#"["content-length-range",2,1]"#,
            r#"["content-length-range",-1,1]"#,
            r#"["content-length-range","0",1]"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_missing_field_meets_only_what_asks_for_nothing() {
        let allows = |text: &str| read(text).unwrap()[0].allows(None);
        assert!(allows(r#"["starts-with","$key",""]"#) && allows(r#"["not-in","$key",["a"]]"#));
        assert!(!allows(r#"["eq","$key","a"]"#) && !allows(r#"["in","$key",["a",""]]"#));
    }
}
