//! The page: files that are part of the program, served with headers that let it do what it has to and nothing else.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use crate::app::App;
use crate::refusal::Refusal;
use crate::user::{Visitor, new_cookie};

const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("main.js", JAVASCRIPT, include_str!("../page/main.js")),
    ("card.js", JAVASCRIPT, include_str!("../page/card.js")),
    ("files.js", JAVASCRIPT, include_str!("../page/files.js")),
    ("server.js", JAVASCRIPT, include_str!("../page/server.js")),
    ("send.js", JAVASCRIPT, include_str!("../page/send.js")),
    ("words.js", JAVASCRIPT, include_str!("../page/words.js")),
    ("icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// `GET /`
pub(crate) async fn index(State(app): State<App>, visitor: Visitor) -> Result<Response, Refusal> {
    let policy = HeaderValue::try_from(&*app.content_security_policy);
    let mut page = file("text/html; charset=utf-8", include_str!("../page/index.html"));
    if let Ok(policy) = policy {
        page.headers_mut().insert(HeaderName::from_static("content-security-policy"), policy);
    }
    page.headers_mut()
        .insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    if visitor.session.is_none() {
        let cookie = new_cookie(app.secure_cookie).ok_or_else(|| {
            let message = "The server could not begin a session. Try again in a moment.";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "no_random_numbers", message)
        })?;
        page.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(page)
}

/// `GET /page/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, text)) => file(content_type, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(content_type: &'static str, text: &'static str) -> Response {
    let nosniff = (HeaderName::from_static("x-content-type-options"), "nosniff");
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-cache"), nosniff], text).into_response()
}

/// Scripts and styles from here, images and uploads also from and to the storage, nothing from anywhere else.
pub(crate) fn content_security_policy(storage: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {storage}; \
         connect-src 'self' {storage}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
