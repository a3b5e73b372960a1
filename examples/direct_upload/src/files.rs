//! What the database knows of a user's files.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::Redirect;
use http::{Method, StatusCode};
use oss::signing::{ObjectKey, Resource};
use serde_json::{Value, json};

use crate::app::App;
use crate::clock;
use crate::refusal::{Refusal, log};
use crate::user::User;

/// `GET /api/files`
pub(crate) async fn list(State(app): State<App>, user: User) -> Result<Json<Value>, Refusal> {
    Ok(Json(json!({ "files": app.database.files(&user.id).await? })))
}

/// `GET /api/files/{id}/content`: on to a URL that shows the object for a minute. The bucket stays private.
pub(crate) async fn content(
    State(app): State<App>,
    user: User,
    Path(id): Path<String>,
) -> Result<Redirect, Refusal> {
    let file = app.database.file(&id, &user.id).await?.ok_or_else(Refusal::no_such_upload)?;
    match presign(&app, &file.object).await {
        Ok(url) => Ok(Redirect::temporary(&url)),
        Err(error) => {
            log(&*error);
            let message = "The server could not sign a link to the file. Try again in a moment.";
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no_link", message))
        }
    }
}

async fn presign(app: &App, object: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let key = ObjectKey::try_from(object)?;
    let (mut request, ()) = http::Request::new(()).into_parts();
    request.method = Method::GET;
    request.uri = app.endpoint.url(Some(app.bucket.name()), Some(&key), &[])?;
    let resource = Resource::object(app.bucket.name().as_str(), key.as_str());
    let credentials = app.credentials.credentials().await?;
    app.signer.presign(&mut request, resource, &credentials, clock::now(), Duration::from_secs(60))?;
    Ok(request.uri.to_string())
}
