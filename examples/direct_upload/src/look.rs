//! The object is stored and its callback failed, or its answer was lost. OSS does not call twice, so the server looks.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock;
use crate::record::{File, LearntBy, Ticket};
use crate::refusal::Refusal;
use crate::user::User;

/// `POST /api/uploads/{id}/look`: what is recorded, or what can be recorded now because OSS has it.
pub(crate) async fn look(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let ticket = app.database.ticket(&id, &user.id).await?.ok_or_else(Refusal::no_such_upload)?;
    let file = match app.database.file(&ticket.id, &ticket.user).await? {
        Some(file) => file,
        None => look_at(&app, ticket).await?,
    };
    Ok(Json(json!({ "outcome": "recorded", "file": file })))
}

/// Records the object of a ticket if OSS has it as it was allowed.
pub(crate) async fn look_at(app: &App, ticket: Ticket) -> Result<File, Refusal> {
    let head = app.head(&ticket).await?.ok_or_else(|| {
        let message = "The file has not arrived in the storage. Try again to send it.";
        Refusal::new(StatusCode::NOT_FOUND, "not_stored", message)
    })?;
    let as_allowed = head.object.size == ticket.size
        && head.content_type.as_deref() == Some(ticket.content_type.as_str())
        && head.object.etag.is_some();
    if !as_allowed {
        let message = "What is stored is not the file that was announced. Choose the file again.";
        return Err(Refusal::new(StatusCode::CONFLICT, "other_file", message));
    }
    let file = File {
        id: ticket.id,
        user: ticket.user,
        name: ticket.name,
        object: ticket.object,
        size: ticket.size,
        content_type: ticket.content_type,
        etag: head.object.etag.unwrap_or_default(),
        crc64: head.object.crc64.map(|crc| crc.to_string()),
        // HEAD does not tell them.
        width: None,
        height: None,
        format: None,
        request_id: None,
        learnt_by: LearntBy::Look,
        confirmed: true,
        recorded_at: clock::now_millis(),
    };
    app.record(file).await?.ok_or_else(Refusal::already_recorded)
}
