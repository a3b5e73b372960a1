//! A user wants to upload a file.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use oss::ObjectOptions;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, NoCallback};
use crate::clock;
use crate::record::Ticket;
use crate::refusal::{Refusal, log};
use crate::rules::FileType;
use crate::user::{User, random_hex};

/// What the page says of the file. None of it is believed: it is checked here, and pinned in what is signed.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    name: String,
    #[serde(rename = "type")]
    content_type: String,
    size: u64,
}

/// How the file is to be sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// As a form with these fields, in this order, and then `file`.
    Form { url: String, fields: Vec<(String, String)> },
    /// In so many parts of so many bytes.
    Parts { count: u64, bytes: u64 },
}

/// `GET /api/rules`: what the page needs to say no before a byte is sent.
pub(crate) async fn rules(State(app): State<App>, user: User) -> Json<Value> {
    Json(json!({ "user": user.id, "max_bytes": app.rules.max_bytes, "types": app.rules.types }))
}

/// `POST /api/uploads`
pub(crate) async fn allow(
    State(app): State<App>,
    user: User,
    Json(wish): Json<Wish>,
) -> Result<Json<Value>, Refusal> {
    let file_type = check(&app, &wish)?;
    let id = random_hex::<16>().ok_or_else(|| {
        let message = "The server could not make an id. Try again in a moment.";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no_random_numbers", message)
    })?;
    let mut ticket = Ticket {
        // The name is the user's text and stays in the database; the key is the server's.
        object: format!("user/{}/{id}.{}", user.id, file_type.extension),
        id,
        user: user.id,
        bucket: app.bucket.name().to_string(),
        name: shown_name(&wish.name),
        content_type: file_type.content_type.to_owned(),
        size: wish.size,
        upload_id: None,
    };
    let way = if wish.size > app.rules.parts_from {
        begin_parts(&app, &mut ticket).await?
    } else {
        let way = form(&app, &ticket).await?;
        app.database.allow(&ticket).await?;
        way
    };
    Ok(Json(json!({ "id": ticket.id, "name": ticket.name, "way": way })))
}

/// Begins a multipart upload and keeps the ticket with its id. One that nobody could go on with is given up.
async fn begin_parts(app: &App, ticket: &mut Ticket) -> Result<Way, Refusal> {
    let options = ObjectOptions::new().content_type(&ticket.content_type);
    let upload = app.bucket.initiate_multipart_upload(&ticket.object).options(options).await?;
    ticket.upload_id = Some(upload.id().to_owned());
    if let Err(error) = app.database.allow(ticket).await {
        if let Err(error) = upload.abort().await {
            log(&error);
        }
        return Err(error.into());
    }
    Ok(Way::Parts { count: app.rules.parts(ticket.size), bytes: app.rules.part_bytes })
}

/// A form with everything pinned: this key, this many bytes, this content type, this callback, these variables, no second
/// object under the key, and nobody but this application to read it. A field that is not named here is the sender's to add,
/// and an ACL of theirs would make the bucket a public host.
async fn form(app: &App, ticket: &Ticket) -> Result<Way, Refusal> {
    let until = clock::now() + app.rules.expires_in + app.rules.longest_upload;
    let form = app
        .bucket
        .presign_post(&ticket.object)
        .expires_in(app.rules.expires_in)
        .size(ticket.size..=ticket.size)
        .content_type(&ticket.content_type)
        .forbid_overwrite()
        .field("x-oss-object-acl", "private")
        .callback(app.callback_for(ticket, until)?)
        .await?;
    Ok(Way::Form { url: form.url, fields: form.fields.into_iter().collect() })
}

fn check(app: &App, wish: &Wish) -> Result<FileType, Refusal> {
    let file_type = app.rules.file_type(&wish.content_type).ok_or_else(|| {
        let known: Vec<_> = app.rules.types.iter().map(|known| known.label).collect();
        let message = format!("Files of this type are not taken. Choose one of these: {}.", known.join(", "));
        Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "type_not_allowed", message)
    })?;
    if wish.size == 0 {
        let message = "The file is empty. Choose one with something in it.";
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "empty", message));
    }
    if wish.size > app.rules.max_bytes {
        let message = format!("The file is too large. The most is {} bytes.", app.rules.max_bytes);
        return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "too_large", message));
    }
    Ok(file_type)
}

/// A name to show: the last part of a path, without what cannot be seen, cut to what fits on a line.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last.chars().filter(|character| !is_unseen(*character)).take(120).collect();
    if shown.trim().is_empty() { "unnamed".to_owned() } else { shown }
}

/// Control characters, those that turn the direction of writing (with them `gpj.exe` can be made to look like a picture),
/// those that end a line or take no room. The two joiners stay: emoji and Persian need them.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

impl From<NoCallback> for Refusal {
    fn from(error: NoCallback) -> Self {
        log(&error);
        let message = "The server is not set up to receive uploads. Tell its operator.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "no_callback", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_fit_to_be_shown() {
        assert_eq!(shown_name("C:\\dir\\a\u{7}b.png"), "ab.png");
        assert_eq!(shown_name("photo\u{202e}gpj.exe"), "photogpj.exe");
        assert_eq!(shown_name("../"), "unnamed");
        assert_eq!(shown_name("\u{200b}\u{feff}\u{2028}\u{200f}"), "unnamed");
        assert_eq!(shown_name("👩\u{200d}🚀.png"), "👩\u{200d}🚀.png");
        assert_eq!(shown_name(&"好".repeat(500)).chars().count(), 120);
    }
}
