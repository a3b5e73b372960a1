//! The application: what its handlers share, and which request goes to which of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::StatusCode;
use oss::callback::{
    BodyTemplate, CallbackError, Custom, KeyPattern, TargetError, TokenError, TokenKey, Variable, Verifier,
};
use oss::signing::Endpoint;
use oss::upload::{ObjectHead, ProvideCredentials};
use oss::{Bucket, Callback};

use crate::callback::{Refused, on_upload};
use crate::database::{Database, DatabaseError, Recorded};
use crate::events::{Events, events};
use crate::record::{File, Ticket};
use crate::rules::Rules;
use crate::{allow, cancel, files, look, page, parts};

/// What the application is made of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where files are stored.
    pub bucket: Bucket,
    /// Where the bucket is.
    pub endpoint: Endpoint,
    /// Signs the links to stored images.
    pub signer: Arc<dyn oss::signing::Signer>,
    /// The access key those links are signed with.
    pub credentials: Arc<dyn ProvideCredentials>,
    /// Which keys callbacks may be signed with.
    pub verifier: Verifier,
    /// Where OSS is to call back; its path is served here.
    pub callback_url: String,
    /// Whether that may be a private address, as with an emulator.
    pub private_callback: bool,
    /// Where what is learnt is kept.
    pub database: Database,
    /// What the tokens in callbacks are minted with.
    pub tokens: TokenKey,
    /// What may be uploaded.
    pub rules: Rules,
    /// Whether to ask OSS for the object before a callback is believed.
    pub look_first: bool,
}

/// The application. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) bucket: Bucket,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) signer: Arc<dyn oss::signing::Signer>,
    pub(crate) credentials: Arc<dyn ProvideCredentials>,
    pub(crate) database: Database,
    pub(crate) tokens: TokenKey,
    pub(crate) rules: Arc<Rules>,
    pub(crate) look_first: bool,
    pub(crate) events: Events,
    pub(crate) secure_cookie: bool,
    pub(crate) content_security_policy: Arc<str>,
    verifier: Arc<Verifier>,
    callback_url: Arc<str>,
    private_callback: bool,
    seen: Arc<Mutex<Seen>>,
}

/// What the operator may want to know of callbacks.
#[derive(Debug, Default)]
struct Seen {
    refused: VecDeque<Refused>,
    times: VecDeque<Duration>,
}

/// Callbacks that are remembered.
const REMEMBERED: usize = 10_000;

impl App {
    /// Puts the application together.
    ///
    /// # Errors
    ///
    /// [`TargetError`] if the callback URL has no path that callbacks can be verified for.
    pub fn new(config: Config) -> Result<Self, TargetError> {
        let path = callback_path(&config.callback_url);
        let storage = storage_origin(&config.endpoint, &config.bucket);
        Ok(Self {
            verifier: Arc::new(
                config.verifier.expect_target(path)?.expect_body_type(oss::callback::BodyType::Form),
            ),
            secure_cookie: config.callback_url.starts_with("https://"),
            content_security_policy: page::content_security_policy(&storage).into(),
            bucket: config.bucket,
            endpoint: Arc::new(config.endpoint),
            signer: config.signer,
            credentials: config.credentials,
            database: config.database,
            tokens: config.tokens,
            rules: Arc::new(config.rules),
            look_first: config.look_first,
            events: Events::new(),
            callback_url: config.callback_url.into(),
            private_callback: config.private_callback,
            seen: Arc::default(),
        })
    }

    /// The application's requests.
    pub fn router(&self) -> Router {
        let callback = post(on_upload).layer(from_fn_with_state(self.clone(), timed));
        Router::new()
            .route("/", get(page::index))
            .route("/page/{name}", get(page::asset))
            .route("/api/rules", get(allow::rules))
            .route("/api/uploads", post(allow::allow))
            .route("/api/uploads/{id}", delete(cancel::cancel))
            .route("/api/uploads/{id}/parts", post(parts::sign))
            .route("/api/uploads/{id}/complete", post(parts::complete))
            .route("/api/uploads/{id}/look", post(look::look))
            .route("/api/files", get(files::list))
            .route("/api/files/{id}/content", get(files::content))
            .route("/api/events", get(events))
            .route(callback_path(&self.callback_url), callback)
            .with_state(self.clone())
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The callbacks that were refused, the oldest first, and why; of very many the last 10,000.
    pub fn take_refused(&self) -> Vec<Refused> {
        self.seen().refused.drain(..).collect()
    }

    /// How long each callback took here, from its head to the answer; of very many the last 10,000.
    pub fn callback_times(&self) -> Vec<Duration> {
        self.seen().times.iter().copied().collect()
    }

    pub(crate) fn refused(&self, why: Refused) {
        let mut seen = self.seen();
        if seen.refused.len() == REMEMBERED {
            seen.refused.pop_front();
        }
        seen.refused.push_back(why);
    }

    /// The callback of an upload: what OSS is to say, and the token by which it is known to be about this ticket.
    pub(crate) fn callback_for(&self, ticket: &Ticket, until: SystemTime) -> Result<Callback, NoCallback> {
        let key = KeyPattern::exact(&ticket.object);
        let token = self.tokens.mint(&ticket.bucket, &key, &ticket.user, until)?;
        let body = BodyTemplate::form()
            .field("bucket", Variable::Bucket)
            .field("object", Variable::Object)
            .field("etag", Variable::Etag)
            .field("size", Variable::Size)
            .field("type", Variable::MimeType)
            .field("crc64", Variable::Crc64)
            .field("width", Variable::ImageWidth)
            .field("height", Variable::ImageHeight)
            .field("format", Variable::ImageFormat)
            .field("request", Variable::ReqId)
            .field("user", Custom::new("user", &ticket.user))
            .field("token", Custom::new("token", token));
        let callback = Callback::builder(&*self.callback_url)
            .allow_private_addresses(self.private_callback)
            .body(body)
            .build()?;
        Ok(callback)
    }

    /// What OSS has under a ticket's key, if anything.
    pub(crate) async fn head(&self, ticket: &Ticket) -> Result<Option<ObjectHead>, oss::Error> {
        match self.bucket.head_object(&ticket.object).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.server().is_some_and(|refusal| refusal.status() == StatusCode::NOT_FOUND) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Records a file, and tells its user's pages of it the first time; `None` if another object is recorded under its
    /// ticket.
    pub(crate) async fn record(&self, file: File) -> Result<Option<File>, DatabaseError> {
        match self.database.record(file).await? {
            Recorded::First(file) => {
                self.events.recorded(file.clone());
                Ok(Some(file))
            }
            Recorded::Again(file) => Ok(Some(file)),
            Recorded::Other => Ok(None),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        // What was pushed before a panic elsewhere is still true.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an upload cannot be given a callback: the application is set up wrongly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCallback {
    #[error("the callback cannot be built; look at the callback URL")]
    Callback(#[from] CallbackError),
    #[error("the callback's token cannot be minted")]
    Token(#[from] TokenError),
}

impl FromRef<App> for Arc<Verifier> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.verifier)
    }
}

async fn timed(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    let mut seen = app.seen();
    if seen.times.len() == REMEMBERED {
        seen.times.pop_front();
    }
    seen.times.push_back(begun.elapsed());
    response
}

/// The path of a URL, `/` if it has none.
fn callback_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

/// Scheme, host and port that the browser talks to.
fn storage_origin(endpoint: &Endpoint, bucket: &Bucket) -> String {
    let url = endpoint.url(Some(bucket.name()), None, &[]).unwrap_or_default();
    match (url.scheme_str(), url.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_callback_url_is_served() {
        assert_eq!(callback_path("https://app.example.com/oss/callback"), "/oss/callback");
        assert_eq!(callback_path("http://127.0.0.1:80"), "/");
        assert_eq!(callback_path("app.example.com/x"), "/x");
    }
}
