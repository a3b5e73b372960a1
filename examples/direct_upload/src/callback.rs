//! OSS says that an object is stored.

use std::time::Duration;

use axum::extract::State;
use http::StatusCode;
use oss::callback::{CallbackRejection, Reply, TokenError, VerifiedCallback};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::app::App;
use crate::clock;
use crate::database::DatabaseError;
use crate::record::{File, LearntBy, Ticket};
use crate::refusal::log;

/// The callback's body, as `App::callback_for` has it written.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    bucket: String,
    object: String,
    etag: String,
    size: u64,
    #[serde(rename = "type")]
    content_type: String,
    crc64: Option<u64>,
    width: Option<u64>,
    height: Option<u64>,
    format: Option<String>,
    request: Option<String>,
    user: String,
    token: String,
}

/// Why a callback was not believed. The one who sent it learns only that it was not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// OSS did not sign it, or it is not of the form this application asks for.
    #[error("a request that OSS did not send")]
    NotFromOss(#[source] CallbackRejection),
    /// It does not carry a token for this object, or an old one.
    #[error("a callback without this application's token for the object")]
    Token(#[source] TokenError),
    /// The token is another user's.
    #[error("a callback with another user's token")]
    OtherUser,
    /// No upload of this object was allowed, or it was cancelled.
    #[error("a callback for an object that nobody was allowed to upload")]
    UnknownUpload,
    /// The object is not what was allowed.
    #[error("a callback for an object whose {what} is not what was allowed")]
    Differs {
        /// What of it.
        what: &'static str,
    },
    /// Another object was recorded under the same ticket.
    #[error("a callback for a second object under one ticket")]
    SecondObject,
    /// OSS itself does not know the object like this.
    #[error("a callback for an object that OSS does not confirm")]
    NotConfirmed,
    /// OSS could not be asked.
    #[error("a callback for an object that could not be looked at")]
    NotLooked(#[source] Option<Box<oss::Error>>),
    /// The database failed.
    #[error("a callback that could not be recorded")]
    Database(#[from] DatabaseError),
}

/// `POST` at the path of the callback URL
pub(crate) async fn on_upload(
    State(app): State<App>,
    callback: Result<VerifiedCallback<Told>, CallbackRejection>,
) -> Reply {
    let recorded = match callback {
        Ok(VerifiedCallback { payload, .. }) => record(&app, payload).await,
        Err(rejection) => Err(Refused::NotFromOss(rejection)),
    };
    match recorded {
        // OSS hands this to the page. An answer for a repeated callback is the same as for the first.
        Ok(file) => Reply::json(&json!({ "recorded": file.id, "name": file.name }))
            .unwrap_or_else(|_| Reply::refuse(StatusCode::INTERNAL_SERVER_ERROR, "no_reply")),
        Err(why) => {
            log(&why);
            let reply = why.reply();
            app.refused(why);
            reply
        }
    }
}

async fn record(app: &App, told: Told) -> Result<File, Refused> {
    // OSS signs the callbacks of every customer with one key. The token says that this one is ours.
    let granted = app.tokens.check(&told.token, &told.bucket, &told.object, clock::now());
    if granted.map_err(Refused::Token)?.user_data != told.user {
        return Err(Refused::OtherUser);
    }
    let ticket = app.database.ticket_for(&told.bucket, &told.object).await?;
    let ticket = ticket.filter(|ticket| ticket.user == told.user).ok_or(Refused::UnknownUpload)?;
    if told.size != ticket.size {
        return Err(Refused::Differs { what: "size" });
    }
    if told.content_type != ticket.content_type {
        return Err(Refused::Differs { what: "content type" });
    }
    if app.look_first {
        look(app, &ticket, &told.etag).await?;
    }
    let file = File {
        id: ticket.id,
        user: ticket.user,
        name: ticket.name,
        object: ticket.object,
        size: told.size,
        content_type: told.content_type,
        etag: told.etag,
        crc64: told.crc64.map(|crc| crc.to_string()),
        width: told.width,
        height: told.height,
        format: told.format,
        request_id: told.request,
        learnt_by: LearntBy::Callback,
        confirmed: app.look_first,
        recorded_at: clock::now_millis(),
    };
    app.record(file).await?.ok_or(Refused::SecondObject)
}

/// Before anything valuable follows from a callback, OSS itself is asked: its signature on callbacks is an RSA key of 512
/// bits, and a stolen token is as good as a real one.
async fn look(app: &App, ticket: &Ticket, etag: &str) -> Result<(), Refused> {
    let looked = timeout(LOOK_TIME, app.head(ticket)).await.map_err(|_| Refused::NotLooked(None))?;
    let head = looked.map_err(|error| Refused::NotLooked(Some(Box::new(error))))?;
    let head = head.ok_or(Refused::NotConfirmed)?;
    if head.object.size == ticket.size && head.object.etag.as_deref() == Some(etag) {
        Ok(())
    } else {
        Err(Refused::NotConfirmed)
    }
}

/// OSS waits five seconds for the whole callback.
const LOOK_TIME: Duration = Duration::from_secs(3);

impl Refused {
    fn reply(&self) -> Reply {
        match self {
            Self::NotFromOss(rejection) => rejection.reply(),
            Self::Database(_) | Self::NotLooked(_) => {
                Reply::refuse(StatusCode::SERVICE_UNAVAILABLE, "try_later")
            }
            _ => Reply::refuse(StatusCode::FORBIDDEN, "not_an_allowed_upload"),
        }
    }
}
