//! The template of a callback's body: constants and `${variable}`.

use std::collections::BTreeMap;

use crate::encoding::percent_encode;
use crate::error::OssError;

/// How values are escaped, and the Content-Type of the callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyType {
    Form,
    Json,
}

impl BodyType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }
}

/// What the variables stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) bucket: String,
    pub(crate) object: String,
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) mime_type: String,
    pub(crate) crc64: Option<u64>,
    pub(crate) content_md5: Option<String>,
    pub(crate) client_ip: Option<String>,
    pub(crate) request_id: String,
    pub(crate) operation: String,
    pub(crate) image: Option<Image>,
}

/// What is known of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) format: &'static str,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Constant(String),
    Variable(String),
}

enum Value {
    Text(String),
    Number(u64),
    Absent,
}

impl Template {
    /// Splits a template; a dollar sign without a brace behind it is refused, as OSS does.
    pub(crate) fn parse(text: &str) -> Result<Self, OssError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            let (constant, tail) = rest.split_at(dollar);
            let Some(inside) = tail.strip_prefix("${") else {
                return Err(OssError::invalid_argument(
                    "ReplaceKeyPrefix",
                    text,
                    "Left brace must be adjacent to dollar sign.",
                ));
            };
            let Some((name, after)) = inside.split_once('}') else {
                return Err(OssError::invalid_argument(
                    "callbackBody",
                    text,
                    "A variable of callbackBody has no right brace.",
                )
                .ec("0007-00000105"));
            };
            if !constant.is_empty() {
                pieces.push(Piece::Constant(constant.to_owned()));
            }
            pieces.push(Piece::Variable(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Constant(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// Whether a variable of that beginning occurs.
    pub(crate) fn mentions(&self, prefix: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Variable(name) if name.starts_with(prefix)))
    }

    /// Puts the values in: percent-encoded in a form, as JSON tokens in JSON.
    ///
    /// Names that mean nothing are rendered like values that are absent: empty, or `null`. What OSS does with
    /// them is not documented.
    pub(crate) fn render(&self, kind: BodyType, facts: &Facts, custom: &BTreeMap<String, String>) -> String {
        let mut body = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Constant(text) => body.push_str(text),
                Piece::Variable(name) => body.push_str(&escaped(kind, value(name, facts, custom))),
            }
        }
        body
    }
}

fn escaped(kind: BodyType, value: Value) -> String {
    match (kind, value) {
        (_, Value::Number(number)) => number.to_string(),
        (BodyType::Form, Value::Text(text)) => percent_encode(&text),
        (BodyType::Form, Value::Absent) => String::new(),
        (BodyType::Json, Value::Text(text)) => serde_json::Value::String(text).to_string(),
        (BodyType::Json, Value::Absent) => "null".to_owned(),
    }
}

fn value(name: &str, facts: &Facts, custom: &BTreeMap<String, String>) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let optional = |text: Option<&String>| text.map_or(Value::Absent, |text| Value::Text(text.clone()));
    match name {
        "bucket" => text(&facts.bucket),
        "object" => text(&facts.object),
        "etag" => text(&facts.etag),
        "size" => Value::Number(facts.size),
        "mimeType" => text(&facts.mime_type),
        // Quoted in JSON, because half of its range is beyond what JSON readers take for an exact number.
        "crc64" => facts.crc64.map_or(Value::Absent, |crc64| Value::Text(crc64.to_string())),
        "contentMd5" => optional(facts.content_md5.as_ref()),
        "clientIp" => optional(facts.client_ip.as_ref()),
        "reqId" => text(&facts.request_id),
        "operation" => text(&facts.operation),
        "imageInfo.width" => {
            facts.image.as_ref().map_or(Value::Absent, |image| Value::Number(image.width.into()))
        }
        "imageInfo.height" => {
            facts.image.as_ref().map_or(Value::Absent, |image| Value::Number(image.height.into()))
        }
        "imageInfo.format" => facts.image.as_ref().map_or(Value::Absent, |image| text(image.format)),
        custom_name if custom_name.starts_with("x:") => optional(custom.get(custom_name)),
        _ => Value::Absent,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    const VECTORS: &str = include_str!("../../tests/vectors/callback.json");

    /// The facts and custom variables of a vector.
    fn inputs(variables: &Json) -> (Facts, BTreeMap<String, String>) {
        let text = |name: &str| variables[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| variables[name].as_u64();
        let side = |name: &str| number(name).and_then(|side| u32::try_from(side).ok());
        let image = match (side("imageInfo.width"), side("imageInfo.height")) {
            (Some(width), Some(height)) => Some(Image { width, height, format: "png" }),
            _ => None,
        };
        let facts = Facts {
            bucket: text("bucket"),
            object: text("object"),
            etag: text("etag"),
            size: number("size").unwrap_or(0),
            mime_type: text("mimeType"),
            image,
            ..Facts::default()
        };
        let custom = variables
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.starts_with("x:"))
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        (facts, custom)
    }

    #[test]
    fn bodies_that_oss_sent_are_rendered_alike() {
        let vectors: Json = serde_json::from_str(VECTORS).unwrap();
        let rendering = vectors["rendering"].as_array().unwrap();
        assert_eq!(rendering.len(), 4);
        for vector in rendering {
            let kind = match vector["callback_body_type"].as_str().unwrap() {
                "application/json" => BodyType::Json,
                _ => BodyType::Form,
            };
            let (facts, custom) = inputs(&vector["variables"]);
            let template = Template::parse(vector["template"].as_str().unwrap()).unwrap();
            assert_eq!(
                template.render(kind, &facts, &custom),
                vector["rendered"].as_str().unwrap(),
                "{vector}"
            );
        }
    }

    #[test]
    fn a_dollar_needs_its_brace_and_a_brace_its_end() {
        for (template, message) in [
            ("a=$(object)", "Left brace must be adjacent to dollar sign."),
            ("cost=5$", "Left brace must be adjacent to dollar sign."),
            ("a=${object", "A variable of callbackBody has no right brace."),
        ] {
            assert_eq!(Template::parse(template).unwrap_err().message, message, "{template}");
        }
    }

    proptest! {
        #[test]
        fn a_form_and_json_give_every_value_back(object in "\\PC{0,20}|[\u{1}-\u{1f}&=+%\"\\\\ ]{0,10}", value in "\\PC{0,20}") {
            let facts = Facts { object: object.clone(), ..Facts::default() };
            let custom = BTreeMap::from([("x:v".to_owned(), value.clone())]);
            let form = Template::parse("object=${object}&v=${x:v}").unwrap();
            let query = crate::query::Query::parse(&form.render(BodyType::Form, &facts, &custom)).unwrap();
            prop_assert_eq!(query.value("object"), Some(object.as_str()));
            prop_assert_eq!(query.value("v"), Some(value.as_str()));
            let json = Template::parse("{\"object\":${object},\"v\":${x:v}}").unwrap();
            let read: Json = serde_json::from_str(&json.render(BodyType::Json, &facts, &custom)).unwrap();
            prop_assert_eq!(read["object"].as_str(), Some(object.as_str()));
            prop_assert_eq!(read["v"].as_str(), Some(value.as_str()));
        }

        #[test]
        fn no_template_makes_the_parser_panic(template in "[${}x:a]{0,20}") {
            let _ = Template::parse(&template);
        }
    }
}
