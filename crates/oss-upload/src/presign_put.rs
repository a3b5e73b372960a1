use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oss_callback::Callback;
use oss_signing::{BucketName, ObjectKey};

use crate::error::Error;
use crate::operation::Operation;
use crate::options::ObjectOptions;
use crate::presigned_put::PresignedPut;
use crate::uploader::Engine;

/// Signs a PUT that somebody else will send: a browser, a device, another process. Awaiting it asks the credentials
/// provider and signs; nothing is sent.
///
/// What is set here is fixed by the signature: the key, the headers of [`options`](Self::options) and the
/// [`callback`](Self::callback), which goes into the query. What the URL cannot fix is the content: neither its size nor
/// its bytes. For browsers that must not send more than so many bytes, a form can
/// ([`PresignPost`](crate::PresignPost)).
///
/// # Errors
///
/// [`Error::InvalidArgument`], [`Error::Name`] or [`Error::Sign`] for an argument that cannot be signed: a lifetime out of
/// bounds (V4: 1 second to 7 days, and never longer than temporary credentials live), anonymous credentials;
/// [`Error::Credentials`] if there are none.
#[derive(Debug)]
#[must_use = "nothing is signed until it is awaited"]
pub struct PresignPut {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    options: ObjectOptions,
    callback: Option<Callback>,
    expires_in: Duration,
}

impl PresignPut {
    /// How long the URL lives when nothing else is said.
    pub const EXPIRES_IN: Duration = Duration::from_secs(15 * 60);

    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String) -> Self {
        let (options, callback) = (ObjectOptions::new(), None);
        Self { engine, bucket, key, options, callback, expires_in: Self::EXPIRES_IN }
    }

    /// Lets OSS call the application server when the object is stored.
    pub fn callback(mut self, callback: Callback) -> Self {
        self.callback = Some(callback);
        self
    }

    /// Sets what the object is stored with. The headers of the options have to be sent with the PUT; see
    /// [`PresignedPut::headers`]. No content type is guessed: what is not set here is left to whoever sends it, who
    /// then must not send one.
    pub fn options(mut self, options: ObjectOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how long the URL lives, in whole seconds; 15 minutes by default.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = lifetime;
        self
    }

    async fn presign(self) -> Result<PresignedPut, Error> {
        let key = ObjectKey::try_from(self.key.as_str())?;
        let encoded = self.callback.as_ref().map(Callback::encode);
        let query: Vec<(&str, &str)> = encoded.iter().flat_map(|encoded| encoded.query_pairs()).collect();
        let (headers, object) = (self.options.put_headers(None)?, (&self.bucket, &key));
        let signed =
            self.engine.presign_url(Operation::PutObject, object, &query, headers.clone(), self.expires_in);
        let (url, expires_at) = signed.await?;
        Ok(PresignedPut::new(url, headers, expires_at, self.callback.is_some()))
    }
}

impl IntoFuture for PresignPut {
    type Output = Result<PresignedPut, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.presign())
    }
}
