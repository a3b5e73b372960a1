//! Large files: the browser sends the parts, the server puts them together with the callback.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use oss::upload::{MultipartUpload, UploadedPart};
use oss::{CallbackOutcome, Error, ObjectOptions};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock;
use crate::look::look_at;
use crate::record::Ticket;
use crate::refusal::{Refusal, log};
use crate::user::User;

#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    numbers: Vec<u16>,
}

/// So many URLs at a time; the page asks for more when it needs them, and none lies around for long.
const MOST_URLS: usize = 32;

/// `POST /api/uploads/{id}/parts`: a URL for each of some parts, which takes exactly that part's bytes.
pub(crate) async fn sign(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Refusal> {
    let (ticket, upload) = find(&app, &id, &user).await?;
    let mut urls = Vec::new();
    for number in wanted.numbers.into_iter().take(MOST_URLS) {
        let (start, length) = app.rules.part(ticket.size, number).ok_or_else(|| {
            let message = "The file has no such part. Choose it again.";
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "no_such_part", message)
        })?;
        let url = upload.presign_part(number, Some(length), app.rules.expires_in).await?;
        urls.push(json!({ "number": number, "url": url.to_string(), "start": start, "length": length }));
    }
    Ok(Json(json!({ "urls": urls })))
}

/// `POST /api/uploads/{id}/complete`
pub(crate) async fn complete(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let (ticket, upload) = find(&app, &id, &user).await?;
    let parts = match upload.list_parts().await {
        Ok(parts) => parts,
        // Completed by an earlier request whose answer the page did not get, or gone.
        Err(error) if error.server().is_some_and(|refusal| refusal.code() == "NoSuchUpload") => {
            return Ok(Json(settle(&app, ticket).await?));
        }
        Err(error) => return Err(error.into()),
    };
    let missing = missing(&app, &ticket, &parts);
    if !missing.is_empty() {
        let message = "Some parts of the file have not arrived. Try again to send the rest.";
        return Err(Refusal::new(StatusCode::CONFLICT, "parts_missing", message));
    }
    let until = clock::now() + app.rules.longest_upload;
    let callback = app.callback_for(&ticket, until)?;
    let options = ObjectOptions::new().forbid_overwrite();
    match upload.complete(&parts).options(options).callback(callback).await {
        Ok(uploaded) => match uploaded.callback {
            CallbackOutcome::Answered(_) => Ok(Json(json!({ "outcome": "recorded" }))),
            _ => Ok(Json(settle(&app, ticket).await?)),
        },
        Err(Error::CallbackFailed(failed)) => {
            log(&*failed);
            Ok(Json(json!({ "outcome": "stored" })))
        }
        Err(error) => Err(error.into()),
    }
}

/// The parts that are not there as they have to be. A part of another size cannot have come through a URL of ours.
fn missing(app: &App, ticket: &Ticket, parts: &[UploadedPart]) -> Vec<u64> {
    let is_there = |number: &u64| {
        u16::try_from(*number).ok().and_then(|number| app.rules.part(ticket.size, number)).is_some_and(
            |(_, length)| parts.iter().any(|part| u64::from(part.number) == *number && part.size == length),
        )
    };
    let mut missing: Vec<u64> =
        (1..=app.rules.parts(ticket.size)).filter(|number| !is_there(number)).collect();
    let last = app.rules.parts(ticket.size);
    missing.extend(parts.iter().map(|part| u64::from(part.number)).filter(|number| *number > last));
    missing
}

/// The answer to Complete was lost: what is recorded counts, else what is stored.
async fn settle(app: &App, ticket: Ticket) -> Result<Value, Refusal> {
    if app.database.file(&ticket.id, &ticket.user).await?.is_some() {
        return Ok(json!({ "outcome": "recorded" }));
    }
    look_at(app, ticket).await?;
    Ok(json!({ "outcome": "recorded" }))
}

async fn find(app: &App, id: &str, user: &User) -> Result<(Ticket, MultipartUpload), Refusal> {
    let ticket = app.database.ticket(id, &user.id).await?.ok_or_else(Refusal::no_such_upload)?;
    let upload_id = ticket.upload_id.as_deref().ok_or_else(Refusal::no_such_upload)?;
    let upload = app.bucket.multipart_upload(&ticket.object, upload_id)?;
    Ok((ticket, upload))
}
