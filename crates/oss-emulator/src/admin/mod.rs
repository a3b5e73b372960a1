//! The emulator's own pages under `/-/`: the page for people, and JSON for test suites in any language.

mod page;
mod reset;
mod state;

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{CONTENT_LENGTH, DATE, HOST, ORIGIN};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, AnswerBody};
use crate::body::{Hangup, Refusal, RequestBody};
use crate::core::Core;
use crate::fault::Fault;
use crate::query::Query;

/// The path, behind `/-/`, of the public callback key.
pub(crate) const CALLBACK_KEY: &str = "callback_pub_key_v1.pem";

/// The longest fault script.
const LONGEST_SCRIPT: usize = 1 << 20;

/// A request to the admin endpoint.
struct Request<'a> {
    core: &'a Core,
    parts: &'a Parts,
    path: &'a str,
    query: &'a Query,
}

pub(crate) async fn handle(
    core: &Arc<Core>,
    parts: &Parts,
    path: &str,
    query: &Query,
    mut body: RequestBody,
    now: SystemTime,
) -> Result<Response<AnswerBody>, Hangup> {
    let script = match body.collect_unrecorded(LONGEST_SCRIPT).await {
        Ok(script) => script,
        Err(Refusal::Hangup(hangup)) => return Err(hangup),
        Err(Refusal::Error(error)) => return Ok(finished(problem(error.status, &error.message), now)),
    };
    let request = Request { core, parts, path, query };
    let answer = if request.is_from_elsewhere() {
        problem(StatusCode::FORBIDDEN, "a page of another origin may not change the emulator")
    } else {
        request.answer(&script)
    };
    Ok(finished(answer, now))
}

impl Request<'_> {
    fn answer(&self, script: &[u8]) -> Answer {
        let core = self.core;
        match (self.parts.method.as_str(), self.path) {
            ("GET", "" | "index.html") => page::answer(),
            ("GET", CALLBACK_KEY) => {
                Answer::ok().with_body("application/x-pem-file", core.callbacks.key.public_pem().to_owned())
            }
            ("GET", "state") => json_answer(&state::describe(core)),
            ("GET", "journal") => json_answer(&state::journal(core, self.since())),
            ("GET", "faults") => json_answer(&state::faults(core)),
            ("POST", "faults") => self.inject(script),
            ("DELETE", "faults") => json_answer(&json!({ "released": core.faults.release(None) })),
            ("DELETE", path) if path.starts_with("faults/") => self.release(&path["faults/".len()..]),
            ("POST", "clock") => self.set_clock(script),
            ("POST", "reset") => match reset::run(core) {
                Ok(()) => json_answer(&json!({ "reset": true })),
                Err(error) => problem(error.status, &error.message),
            },
            (_, "" | "index.html" | CALLBACK_KEY | "state" | "journal" | "faults" | "clock" | "reset") => {
                problem(StatusCode::METHOD_NOT_ALLOWED, "this page does not take this method")
            }
            _ => problem(StatusCode::NOT_FOUND, "there is no such page; /-/ shows what there is"),
        }
    }

    /// A browser says where a page comes from; only this emulator's own may change anything.
    fn is_from_elsewhere(&self) -> bool {
        let Some(origin) = self.parts.headers.get(ORIGIN) else { return false };
        let host = self.parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        self.parts.method != "GET" && origin.to_str().ok() != Some(&format!("http://{host}"))
    }

    fn since(&self) -> u64 {
        self.query.value("since").and_then(|since| since.parse().ok()).unwrap_or(0)
    }

    fn inject(&self, script: &[u8]) -> Answer {
        match parse_faults(script) {
            Ok(faults) => {
                let ids: Vec<u64> =
                    faults.into_iter().map(|fault| self.core.faults.inject(fault).id()).collect();
                json_answer(&json!({ "ids": ids }))
            }
            Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
        }
    }

    fn release(&self, id: &str) -> Answer {
        match id.parse().map(|id| self.core.faults.release(Some(id))) {
            Ok(1..) => json_answer(&json!({ "released": 1 })),
            _ => problem(StatusCode::NOT_FOUND, "there is no such fault"),
        }
    }

    fn set_clock(&self, script: &[u8]) -> Answer {
        let offset =
            serde_json::from_slice::<Value>(script).ok().and_then(|value| value["offset_millis"].as_i64());
        match offset {
            Some(millis) => {
                self.core.clock.set_offset(millis);
                json_answer(&json!({ "offset_millis": millis }))
            }
            None => problem(StatusCode::BAD_REQUEST, "send {\"offset_millis\": NUMBER}"),
        }
    }
}

/// Reads one fault, or a list of them.
pub(crate) fn parse_faults(script: &[u8]) -> Result<Vec<Fault>, serde_json::Error> {
    match serde_json::from_slice(script)? {
        list @ Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|fault| vec![fault]),
    }
}

fn json_answer(value: &Value) -> Answer {
    Answer::ok().with_body("application/json", value.to_string())
}

fn problem(status: StatusCode, message: &str) -> Answer {
    let mut answer = json_answer(&json!({ "error": message }));
    answer.status = status;
    answer
}

fn finished(mut answer: Answer, now: SystemTime) -> Response<AnswerBody> {
    answer.set(DATE, httpdate::fmt_http_date(now));
    answer.set(http::header::CACHE_CONTROL, "no-store");
    answer.set(CONTENT_LENGTH, answer.body.len().to_string());
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
