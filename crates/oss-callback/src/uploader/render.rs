use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;

use super::error::CallbackError;
use super::scan::Segment;
use super::template::BodyType;
use super::variable::{JsonToken, Variable};
use crate::percent::RESERVED;

/// Renders a template as OSS has been seen to do.
///
/// `variable` and `custom` give the values; `None` stands for a fact OSS does not have.
pub(crate) fn render(
    segments: &[Segment<'_>],
    body_type: BodyType,
    variable: impl Fn(Variable) -> Option<String>,
    custom: impl Fn(&str) -> Option<String>,
) -> String {
    let mut body = String::new();
    for segment in segments {
        let (token, value) = match segment {
            Segment::Constant(constant) => {
                body.push_str(constant);
                continue;
            }
            Segment::Variable(name) => (name.json_token(), variable(*name)),
            Segment::Custom(name) => (JsonToken::Text, custom(name)),
        };
        match (body_type, value) {
            (BodyType::Form, value) => {
                body.extend(utf8_percent_encode(value.as_deref().unwrap_or_default(), RESERVED));
            }
            (BodyType::Json, None) => body.push_str("null"),
            (BodyType::Json, Some(value)) => push_token(&mut body, token, &value),
        }
    }
    body
}

fn push_token(body: &mut String, token: JsonToken, value: &str) {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let bare = match token {
        JsonToken::Text | JsonToken::OptionalText => false,
        JsonToken::Number | JsonToken::OptionalNumber | JsonToken::Unsettled => digits,
    };
    if bare {
        body.push_str(value);
    } else {
        body.push_str(&serde_json::Value::from(value).to_string());
    }
}

/// Checks that a JSON template is JSON whatever OSS puts in: with the shortest and the longest number, with
/// and without what may be absent, and with either reading of what is not documented.
pub(crate) fn check_json(segments: &[Segment<'_>]) -> Result<(), CallbackError> {
    for round in [Round::Least, Round::Most, Round::Absent] {
        let mut body = String::new();
        for segment in segments {
            body.push_str(match segment {
                Segment::Constant(constant) => constant,
                Segment::Custom(_) => "\"\"",
                Segment::Variable(variable) => stand_in(variable.json_token(), round),
            });
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(&body) {
            return Err(CallbackError::NotJson { line: error.line(), column: error.column() });
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Round {
    Least,
    Most,
    Absent,
}

fn stand_in(token: JsonToken, round: Round) -> &'static str {
    const LONGEST: &str = "18446744073709551615";
    match (token, round) {
        (JsonToken::Text, _) | (JsonToken::OptionalText | JsonToken::Unsettled, Round::Least) => "\"\"",
        (JsonToken::OptionalText, Round::Most) => "\"s\"",
        (JsonToken::Number | JsonToken::OptionalNumber, Round::Least) => "0",
        (JsonToken::Number, _) | (JsonToken::OptionalNumber | JsonToken::Unsettled, Round::Most) => LONGEST,
        (JsonToken::OptionalText | JsonToken::OptionalNumber | JsonToken::Unsettled, Round::Absent) => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uploader::scan::scan;

    fn is_json(template: &str) -> bool {
        check_json(&scan(template).unwrap()).is_ok()
    }

    #[test]
    fn templates_that_stay_json_whatever_comes_pass() {
        for template in [
            r#"{"object":${object},"size":${size},"uid":${x:uid}}"#,
            r#"{"pic":"${imageInfo.width},${imageInfo.height}"}"#,
            r#"{${object}:[${crc64},${imageInfo},${vpcId}]}"#,
            r#"["\\",-${size},1.${size}]"#,
            "${object}",
            " {} ",
        ] {
            assert!(is_json(template), "{template}");
        }
    }

    #[test]
    fn templates_that_can_break_are_refused() {
        for template in [
            r#"{"object":"${object}"}"#,
            r#"{"uid":"${x:uid}"}"#,
            r#"{"crc":"${crc64}"}"#,
            r#"{"format":"${imageInfo.format}"}"#,
            r#"{"width":-${imageInfo.width}}"#,
            r#"{"size":${size}${size}}"#,
            r#"{"size":0${size}}"#,
            r#"{"size":1${object}}"#,
            r#"{"a":"\${size}"}"#,
            r#"{"a":"\u00${size}"}"#,
            r#"{"a":"\${object}"}"#,
            r#"{"a",${size}}"#,
            r#"{"a":1,}"#,
            "filename=${object}&size=${size}",
            "",
            "\u{feff}{}",
        ] {
            assert!(!is_json(template), "{template}");
        }
    }
}
