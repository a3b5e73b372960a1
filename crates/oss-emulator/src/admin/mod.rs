//! The emulator's own pages under `/-/`.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, DATE};
use http::request::Parts;
use http::{Response, StatusCode};

use crate::answer::{Answer, AnswerBody};
use crate::body::{Hangup, RequestBody};
use crate::core::Core;

/// The path, behind `/-/`, of the public callback key.
pub(crate) const CALLBACK_KEY: &str = "callback_pub_key_v1.pem";

pub(crate) async fn handle(
    core: &Arc<Core>,
    parts: &Parts,
    path: &str,
    _body: RequestBody,
    now: SystemTime,
) -> Result<Response<AnswerBody>, Hangup> {
    let mut answer = match (parts.method.as_str(), path) {
        ("GET", CALLBACK_KEY) => {
            Answer::ok().with_body("application/x-pem-file", core.callbacks.key.public_pem().to_owned())
        }
        _ => {
            let mut answer = Answer::ok().with_body("text/plain; charset=utf-8", "There is no such page.\n");
            answer.status = StatusCode::NOT_FOUND;
            answer
        }
    };
    answer.set(DATE, httpdate::fmt_http_date(now));
    answer.set(CONTENT_LENGTH, answer.body.len().to_string());
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}
