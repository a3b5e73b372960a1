//! The user has changed their mind.

use axum::extract::{Path, State};
use http::StatusCode;

use crate::app::App;
use crate::refusal::Refusal;
use crate::user::User;

/// `DELETE /api/uploads/{id}`: the parts are removed and the ticket is forgotten.
///
/// A form that was signed stays good until it expires; its callback is refused from now on, for want of a ticket. What it
/// stored is an object nobody knows, which a lifecycle rule or a sweep over the bucket removes.
pub(crate) async fn cancel(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let ticket = app.database.ticket(&id, &user.id).await?.ok_or_else(Refusal::no_such_upload)?;
    if let Some(upload_id) = ticket.upload_id {
        // First, while the id of the upload is known: where OSS cannot be reached, the parts are there for another try. An
        // upload that was completed is not touched.
        app.bucket.multipart_upload(ticket.object, upload_id)?.abort().await?;
    }
    if !app.database.forget(&ticket.id).await? {
        return Err(Refusal::already_recorded());
    }
    Ok(StatusCode::NO_CONTENT)
}
