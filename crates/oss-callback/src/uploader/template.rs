use std::fmt;

use super::custom::Custom;
use super::error::CallbackError;
use super::form::FormTemplate;
use super::json::JsonTemplate;
use super::scan::{Segment, scan};

/// The type of a callback body: it becomes the request's `Content-Type` and decides how OSS writes variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyType {
    /// `application/x-www-form-urlencoded`: values are percent-encoded.
    Form,
    /// `application/json`: values are JSON tokens, text with its own quotes.
    Json,
}

impl BodyType {
    /// Every body type.
    pub const ALL: &'static [Self] = &[Self::Form, Self::Json];

    /// The media type, as `callbackBodyType` and `Content-Type` have it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }

    /// The body type a media type names; parameters and the case of letters do not matter.
    #[must_use]
    pub fn from_media_type(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        Self::ALL.iter().copied().find(|kind| essence.eq_ignore_ascii_case(kind.media_type()))
    }
}

/// What OSS sends to the application server: constants and variables, as a form or as JSON.
///
/// [`BodyTemplate::form`] and [`BodyTemplate::json`] cannot go wrong: constants are escaped for the body type,
/// and a custom variable carries its value. A text in the syntax of the OSS documentation is the escape hatch
/// ([`raw_form`](Self::raw_form), [`raw_json`](Self::raw_json), or just a `&str` where a template is wanted,
/// which is a raw form); it is checked all the same when the callback is built.
///
/// ```
/// use oss_callback::{BodyTemplate, Custom, Variable};
///
/// let form = BodyTemplate::form()
///     .field("bucket", Variable::Bucket)
///     .field("object", Variable::Object)
///     .field("source", "web & mobile")
///     .field("uid", Custom::new("uid", "42"));
/// assert_eq!(
///     BodyTemplate::from(form).text(),
///     "bucket=${bucket}&object=${object}&source=web%20%26%20mobile&uid=${x:uid}",
/// );
/// ```
#[derive(Clone, PartialEq)]
pub struct BodyTemplate {
    kind: Kind,
}

#[derive(Clone, PartialEq)]
enum Kind {
    Form(FormTemplate),
    Json(JsonTemplate),
    Raw { body_type: BodyType, text: String, leave: Leave },
}

/// Which check a raw template is let off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    None,
    /// It need not become JSON.
    InvalidJson,
    /// It may hold `%24%7B`.
    EncodedVariables,
}

impl BodyTemplate {
    /// Begins a form: `name=value` pairs.
    #[must_use]
    pub fn form() -> FormTemplate {
        FormTemplate::default()
    }

    /// Begins a JSON object.
    #[must_use]
    pub fn json() -> JsonTemplate {
        JsonTemplate::default()
    }

    /// Takes a form in the syntax of the OSS documentation, for instance `bucket=${bucket}&uid=${x:uid}`.
    pub fn raw_form(text: impl Into<String>) -> Self {
        Self { kind: Kind::Raw { body_type: BodyType::Form, text: text.into(), leave: Leave::None } }
    }

    /// Takes JSON in the syntax of the OSS documentation, for instance `{"object":${object},"size":${size}}`.
    ///
    /// Text variables come with their own quotes, so they must not be written between quotes.
    pub fn raw_json(text: impl Into<String>) -> Self {
        Self { kind: Kind::Raw { body_type: BodyType::Json, text: text.into(), leave: Leave::None } }
    }

    /// Lets a raw JSON template pass that is not JSON once its variables are filled in.
    ///
    /// OSS itself does not look: it sends such a body as it is, with the content type `application/json`. The
    /// receiver must then read the raw body. Without effect on every other template.
    #[must_use]
    pub fn allow_invalid_json(mut self) -> Self {
        if let Kind::Raw { body_type: BodyType::Json, leave, .. } = &mut self.kind {
            *leave = Leave::InvalidJson;
        }
        self
    }

    /// A form of unknown origin. A typed form writes the constant `${object}` as `%24%7Bobject%7D`, so that is taken
    /// for a mistake only where no variable is left that is not encoded.
    pub(crate) fn decoded_form(text: &str) -> Self {
        let leave = if text.contains("${") { Leave::EncodedVariables } else { Leave::None };
        Self { kind: Kind::Raw { body_type: BodyType::Form, text: text.to_owned(), leave } }
    }

    /// The body type.
    #[must_use]
    pub fn body_type(&self) -> BodyType {
        match &self.kind {
            Kind::Form(_) => BodyType::Form,
            Kind::Json(_) => BodyType::Json,
            Kind::Raw { body_type, .. } => *body_type,
        }
    }

    /// The template as OSS gets it, not yet checked.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.kind {
            Kind::Form(form) => form.text(),
            Kind::Json(json) => json.text(),
            Kind::Raw { text, .. } => text.clone(),
        }
    }

    /// Checks the template against the custom variables given beside it and returns its text with all of them.
    pub(crate) fn resolve(&self, given: &[Custom]) -> Result<Resolved, CallbackError> {
        let mut customs = Vec::new();
        let carried = match &self.kind {
            Kind::Form(form) => form.check()?,
            Kind::Json(json) => json.check()?,
            Kind::Raw { .. } => Vec::new(),
        };
        for custom in carried.into_iter().chain(given) {
            add_custom(&mut customs, custom)?;
        }
        let text = self.text();
        if text.is_empty() {
            return Err(CallbackError::EmptyBody);
        }
        if let Kind::Raw { body_type: BodyType::Form, text, leave: Leave::None } = &self.kind
            && let Some(offset) = find_encoded_variable(text)
        {
            return Err(CallbackError::EncodedVariable { offset });
        }
        let segments = scan(&text)?;
        check_references(&segments, &customs)?;
        let must_be_json = match self.kind {
            Kind::Form(_) => false,
            Kind::Json(_) => true,
            Kind::Raw { body_type, leave, .. } => body_type == BodyType::Json && leave != Leave::InvalidJson,
        };
        if must_be_json {
            super::render::check_json(&segments)?;
        }
        Ok(Resolved { body_type: self.body_type(), text, customs })
    }
}

/// A template that passed every check.
pub(crate) struct Resolved {
    pub(crate) body_type: BodyType,
    pub(crate) text: String,
    pub(crate) customs: Vec<Custom>,
}

fn add_custom(customs: &mut Vec<Custom>, custom: &Custom) -> Result<(), CallbackError> {
    custom.check_name()?;
    match customs.iter().find(|known| known.name == custom.name) {
        None => customs.push(custom.clone()),
        Some(known) if known.value == custom.value => {}
        Some(_) => return Err(CallbackError::ConflictingCustom { name: custom.name.clone() }),
    }
    Ok(())
}

fn check_references(segments: &[Segment<'_>], customs: &[Custom]) -> Result<(), CallbackError> {
    let mentioned =
        |name: &str| segments.iter().any(|segment| matches!(segment, Segment::Custom(n) if *n == name));
    for segment in segments {
        if let Segment::Custom(name) = segment
            && !customs.iter().any(|custom| custom.name == *name)
        {
            return Err(CallbackError::MissingCustom { name: (*name).to_owned() });
        }
    }
    match customs.iter().find(|custom| !mentioned(&custom.name)) {
        Some(custom) => Err(CallbackError::UnreferencedCustom { name: custom.name.clone() }),
        None => Ok(()),
    }
}

fn find_encoded_variable(text: &str) -> Option<usize> {
    text.to_ascii_lowercase().find("%24%7b")
}

impl From<&str> for BodyTemplate {
    fn from(text: &str) -> Self {
        Self::raw_form(text)
    }
}

impl From<String> for BodyTemplate {
    fn from(text: String) -> Self {
        Self::raw_form(text)
    }
}

impl From<FormTemplate> for BodyTemplate {
    fn from(form: FormTemplate) -> Self {
        Self { kind: Kind::Form(form) }
    }
}

impl From<JsonTemplate> for BodyTemplate {
    fn from(json: JsonTemplate) -> Self {
        Self { kind: Kind::Json(json) }
    }
}

/// Leaves the text out: constants may be secret.
impl fmt::Debug for BodyTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyTemplate").field("body_type", &self.body_type()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Variable;

    fn resolve(template: impl Into<BodyTemplate>, given: &[Custom]) -> Result<String, CallbackError> {
        template.into().resolve(given).map(|resolved| resolved.text)
    }

    #[test]
    fn raw_templates_are_checked() {
        let uid = Custom::new("uid", "1");
        assert_eq!(
            resolve("bucket=${bucket}&u=${x:uid}", std::slice::from_ref(&uid)).unwrap(),
            "bucket=${bucket}&u=${x:uid}"
        );
        assert_eq!(resolve("", &[]), Err(CallbackError::EmptyBody));
        assert_eq!(resolve("a=${x:uid}", &[]), Err(CallbackError::MissingCustom { name: "x:uid".into() }));
        assert_eq!(
            resolve("a=1", std::slice::from_ref(&uid)),
            Err(CallbackError::UnreferencedCustom { name: "x:uid".into() })
        );
        assert_eq!(
            resolve("a=${x:uid}", &[uid, Custom::new("uid", "2")]),
            Err(CallbackError::ConflictingCustom { name: "x:uid".into() })
        );
        assert_eq!(resolve("a=%24%7Bobject%7D", &[]), Err(CallbackError::EncodedVariable { offset: 2 }));
    }

    #[test]
    fn raw_json_must_become_json_unless_said_otherwise() {
        assert!(resolve(BodyTemplate::raw_json(r#"{"object":${object}}"#), &[]).is_ok());
        let quoted = BodyTemplate::raw_json(r#"{"object":"${object}"}"#);
        assert_eq!(resolve(quoted.clone(), &[]), Err(CallbackError::NotJson { line: 1, column: 13 }));
        assert!(resolve(quoted.allow_invalid_json(), &[]).is_ok());
    }

    #[test]
    fn typed_templates_carry_their_custom_variables() {
        let template = BodyTemplate::json()
            .field("uid", Custom::new("uid", "1"))
            .field("again", Custom::new("uid", "1"))
            .field("size", Variable::Size);
        let resolved = BodyTemplate::from(template).resolve(&[]).unwrap();
        assert_eq!(resolved.text, r#"{"uid":${x:uid},"again":${x:uid},"size":${size}}"#);
        assert_eq!(resolved.customs, [Custom::new("uid", "1")]);
    }

    #[test]
    fn media_types_ignore_case_and_parameters() {
        assert_eq!(BodyType::from_media_type("Application/JSON; charset=utf-8"), Some(BodyType::Json));
        assert_eq!(BodyType::from_media_type("text/plain"), None);
    }
}
