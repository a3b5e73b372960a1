use std::fmt;
use std::sync::Arc;

use super::builder::CallbackBuilder;
use super::encode::EncodedCallback;
use super::render::render;
use super::scan::scan;
use super::template::BodyType;
use super::url::CallbackUrl;
use super::variable::Variable;

/// A callback that passed every check: what OSS is to send, and where to, after the object is stored.
///
/// PutObject, CompleteMultipartUpload and PostObject take one; no other operation does. Cloning is cheap.
/// `Debug` leaves out the query, the body and the values of custom variables, which may hold secrets.
///
/// ```
/// use oss_callback::Callback;
///
/// let callback = Callback::builder("http://oss-demo.aliyuncs.com:23450")
///     .query("user", "put_object")
///     .body("bucket=${bucket}&object=${object}")
///     .build()?;
/// assert_eq!(callback.request_targets(), ["/?user=put_object"]);
/// for (name, value) in callback.encode().headers() {
///     assert_eq!(name, "x-oss-callback");
///     assert!(value.is_sensitive());
/// }
/// # Ok::<(), oss_callback::CallbackError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    pub(crate) inner: Arc<Inner>,
}

#[derive(PartialEq, Eq)]
pub(crate) struct Inner {
    pub(crate) urls: Vec<CallbackUrl>,
    pub(crate) body: String,
    pub(crate) body_type: BodyType,
    pub(crate) host: Option<String>,
    pub(crate) sni: Option<bool>,
    pub(crate) encoded: EncodedCallback,
}

impl Callback {
    /// Begins a callback to `url`: `http` or `https`, no query, no fragment. Without a scheme it is `http`.
    ///
    /// Nothing is checked before [`CallbackBuilder::build`].
    pub fn builder(url: impl Into<String>) -> CallbackBuilder {
        CallbackBuilder::new(url.into())
    }

    /// The callback as headers, query parameters or form fields.
    #[must_use]
    pub fn encode(&self) -> &EncodedCallback {
        &self.inner.encoded
    }

    /// The body's type, which the application server gets as `Content-Type`.
    #[must_use]
    pub fn body_type(&self) -> BodyType {
        self.inner.body_type
    }

    /// The request targets the application server will see, one for each URL: what
    /// [`Verifier::expect_target`](crate::Verifier::expect_target) wants.
    #[must_use]
    pub fn request_targets(&self) -> Vec<String> {
        self.inner.urls.iter().map(CallbackUrl::request_target).collect()
    }

    /// The body as OSS would render it, for tests and for looking at a template.
    ///
    /// `value` gives a system variable's value as text, or `None` for what OSS would not have (an image's width
    /// for an object that is no image). Details that no source settles: a form encodes everything but letters,
    /// digits, `-`, `_` and `.`; in JSON `crc64` comes as a bare number.
    pub fn preview(&self, value: impl Fn(Variable) -> Option<String>) -> String {
        let custom = |name: &str| {
            let mut fields = self.inner.encoded.form_fields();
            fields.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        // The body was scanned when the callback was built, so it cannot fail here.
        let segments = scan(&self.inner.body).unwrap_or_default();
        render(&segments, self.inner.body_type, value, custom)
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.inner.urls.iter().map(CallbackUrl::without_query).collect();
        f.debug_struct("Callback")
            .field("urls", &urls)
            .field("body_type", &self.inner.body_type)
            .field("host", &self.inner.host)
            .field("sni", &self.inner.sni)
            .field("encoded", &self.inner.encoded)
            .finish_non_exhaustive()
    }
}
