//! What the faults of a request do to it.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};

use crate::body::BodyFault;
use crate::error::OssError;
use crate::fault::{Action, Release, Strike};

/// What the faults of a request do to it, in the order of its life.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    pub(super) answer: Option<(u16, String)>,
    pub(super) raw: Option<(u16, String, String)>,
    pub(super) throttle: Option<u64>,
    pub(super) expired_token: bool,
    pub(super) clock_offset: i64,
    pub(super) body: Option<BodyFault>,
    pub(super) fail_callback: Option<(String, String)>,
    pub(super) after: Vec<After>,
}

/// What happens after the work.
pub(super) enum After {
    Answer(u16, String),
    Delay(Duration),
    Stall(Release),
    Reset(u64),
    WrongCrc,
    MissingCrc,
    WrongEtag,
    MissingEtag,
}

impl Plan {
    pub(super) fn add(&mut self, strike: Strike) {
        match strike.action {
            Action::Answer { status, code, after_work: false } => self.answer = Some((status, code)),
            Action::Answer { status, code, after_work: true } => self.after.push(After::Answer(status, code)),
            Action::Raw { status, content_type, body } => self.raw = Some((status, content_type, body)),
            Action::Delay { millis, after_work: false } => self.delay += Duration::from_millis(millis),
            Action::Delay { millis, after_work: true } => {
                self.after.push(After::Delay(Duration::from_millis(millis)));
            }
            Action::Stall { after_bytes } => {
                self.body = Some(BodyFault::Stall { after: after_bytes, until: strike.release });
            }
            Action::StallAnswer => self.after.push(After::Stall(strike.release)),
            Action::Throttle { delay_millis } => self.throttle = Some(delay_millis),
            Action::ResetRequest { after_bytes } => self.body = Some(BodyFault::Reset { after: after_bytes }),
            Action::ResetResponse { after_bytes } => self.after.push(After::Reset(after_bytes)),
            Action::DropAnswer => self.after.push(After::Reset(0)),
            Action::WrongCrc => self.after.push(After::WrongCrc),
            Action::MissingCrc => self.after.push(After::MissingCrc),
            Action::WrongEtag => self.after.push(After::WrongEtag),
            Action::MissingEtag => self.after.push(After::MissingEtag),
            Action::ClockOffset { millis } => self.clock_offset += millis,
            Action::ExpiredToken => self.expired_token = true,
            Action::FailCallback { message, ec } => self.fail_callback = Some((message, ec)),
        }
    }

    /// The error that stands in for the work.
    pub(super) fn refusal(&self) -> Option<OssError> {
        if let Some((status, code)) = &self.answer {
            return Some(scripted(*status, code));
        }
        if let Some(millis) = self.throttle {
            let error = OssError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UploadTrafficRateLimitExceeded",
                "Request was denied due to upload traffic limit.",
            );
            return Some(
                error.header(HeaderName::from_static("x-oss-qos-delay-time"), HeaderValue::from(millis)),
            );
        }
        self.expired_token.then(|| {
            OssError::new(
                StatusCode::FORBIDDEN,
                "SecurityTokenExpired",
                "The security token you provided has expired.",
            )
        })
    }
}

pub(super) fn scripted(status: u16, code: &str) -> OssError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    OssError::new(status, code.to_owned(), "A fault was injected here.")
}
