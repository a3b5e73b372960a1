//! What the faults of a request do to it.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

use crate::answer::{Answer, AnswerBody};
use crate::body::BodyFault;
use crate::error::{INVALID_PART, OssError};
use crate::fault::{Action, Release, Strike};
use crate::fault::{CallbackFault, Faulty, Tampering};

/// What the faults of a request do to it, in the order of its life.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    /// The error that stands in for the work.
    pub(super) refusal: Option<OssError>,
    /// The refusal does not wait for the body.
    pub(super) unread: bool,
    pub(super) raw: Option<Raw>,
    pub(super) clock_offset: i64,
    pub(super) body: Option<BodyFault>,
    pub(super) faulty: Faulty,
    pub(super) after: Vec<After>,
}

/// An answer that no operation makes.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

impl Raw {
    pub(super) fn put_into(self, answer: &mut Answer) {
        answer.status = answer_status(self.status);
        answer.set(CONTENT_TYPE, self.content_type);
        answer.body = AnswerBody::full(self.body);
    }
}

/// What happens after the work.
pub(super) enum After {
    Answer(u16, String),
    Raw(Raw),
    Delay(Duration),
    Stall(Release),
    StallBody(u64, Release),
    Reset(u64),
    CutBody(u64),
    WrongCrc,
    MissingCrc,
    WrongEtag,
    MissingEtag,
}

impl Plan {
    pub(super) fn add(&mut self, strike: Strike) {
        match strike.action {
            Action::Answer { status, code, after_work: true, .. } => {
                self.after.push(After::Answer(status, code));
            }
            Action::Answer { status, code, unread, .. } => {
                self.refusal = Some(scripted(status, &code));
                self.unread = unread;
            }
            Action::Raw { status, content_type, body, after_work } => {
                let raw = Raw { status, content_type, body };
                if after_work { self.after.push(After::Raw(raw)) } else { self.raw = Some(raw) }
            }
            Action::Delay { millis, after_work: false } => self.delay += Duration::from_millis(millis),
            Action::Delay { millis, after_work: true } => {
                self.after.push(After::Delay(Duration::from_millis(millis)));
            }
            Action::Stall { after_bytes } => {
                self.body = Some(BodyFault::Stall { after: after_bytes, until: strike.release });
            }
            Action::StallAnswer => self.after.push(After::Stall(strike.release)),
            Action::StallBody { after_bytes } => {
                self.after.push(After::StallBody(after_bytes, strike.release));
            }
            Action::Throttle { delay_millis } => self.refusal = Some(throttled(delay_millis)),
            Action::ResetRequest { after_bytes } => self.body = Some(BodyFault::Reset { after: after_bytes }),
            Action::ResetResponse { after_bytes } => self.after.push(After::Reset(after_bytes)),
            Action::CutBody { after_bytes } => self.after.push(After::CutBody(after_bytes)),
            Action::DropAnswer => self.after.push(After::Reset(0)),
            Action::WrongCrc => self.after.push(After::WrongCrc),
            Action::MissingCrc => self.after.push(After::MissingCrc),
            Action::WrongEtag => self.after.push(After::WrongEtag),
            Action::MissingEtag => self.after.push(After::MissingEtag),
            Action::ClockOffset { millis } => self.clock_offset = self.clock_offset.saturating_add(millis),
            Action::ExpiredToken => {
                self.refusal = Some(OssError::new(
                    StatusCode::FORBIDDEN,
                    "SecurityTokenExpired",
                    "The security token you provided has expired.",
                ));
            }
            Action::FailCallback { message, ec } => {
                self.faulty.callback = Some(CallbackFault::Fail { message, ec });
            }
            Action::AnswerCallback { content_type, body } => {
                self.faulty.callback = Some(CallbackFault::Answer { content_type, body });
            }
            Action::InvalidPart { number } => {
                self.refusal = Some(OssError::from(INVALID_PART).with("PartNumber", number.to_string()));
            }
            Action::LosePart { number } => self.faulty.tampering.push(Tampering::Lose(number)),
            Action::OverwritePart { number, body } => {
                self.faulty.tampering.push(Tampering::Overwrite(number, body.into()));
            }
            Action::StuckMarker => self.faulty.stuck_marker = true,
        }
    }
}

fn throttled(millis: u64) -> OssError {
    OssError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "UploadTrafficRateLimitExceeded",
        "Request was denied due to upload traffic limit.",
    )
    .header(HeaderName::from_static("x-oss-qos-delay-time"), HeaderValue::from(millis))
}

fn answer_status(status: u16) -> StatusCode {
    // Informational ones are not answers, and hyper refuses to send them.
    match StatusCode::from_u16(status) {
        Ok(status) if !status.is_informational() => status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(super) fn scripted(status: u16, code: &str) -> OssError {
    OssError::new(answer_status(status), code.to_owned(), "A fault was injected here.")
}
