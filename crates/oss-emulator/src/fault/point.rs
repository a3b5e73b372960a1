//! Which requests a fault strikes, and the methods that say what it does to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;
use super::action::Action;
use crate::operation::Operation;

/// Which requests a [`Fault`] strikes, and how often; an action turns it into the fault.
///
/// Everything that is not said matches everything. A fault strikes once unless [`times`](Self::times) or
/// [`always`](Self::always) says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a point does nothing until an action makes it a fault"]
pub struct FaultPoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) always: bool,
}

impl FaultPoint {
    /// Only in this bucket.
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// Only for this object key.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only for this part number.
    pub fn part(mut self, part: u32) -> Self {
        self.part = Some(part);
        self
    }

    /// Only for the n-th request, from 1, for the same operation, bucket, key, upload and part.
    pub fn attempt(mut self, attempt: u64) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// Strikes that many requests; the default is one.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes every chosen request.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Answers with an error document and does none of the work. The body is read first.
    ///
    /// With status 200 it is the answer that looks like a success and is none. A status that no answer can have
    /// (below 200, above 999) is answered as 500.
    pub fn answer(self, status: u16, code: impl Into<String>) -> Fault {
        self.act(Action::Answer { status, code: code.into(), after_work: false, unread: false })
    }

    /// Answers with an error document before any of the body is read; what the client goes on to send is thrown
    /// away.
    pub fn answer_unread(self, status: u16, code: impl Into<String>) -> Fault {
        self.act(Action::Answer { status, code: code.into(), after_work: false, unread: true })
    }

    /// Does the work, then answers with an error document all the same.
    pub fn answer_after_work(self, status: u16, code: impl Into<String>) -> Fault {
        self.act(Action::Answer { status, code: code.into(), after_work: true, unread: false })
    }

    /// Answers with any body and does none of the work, for instance a proxy's 502 page.
    pub fn answer_raw(self, status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Fault {
        let (content_type, body) = (content_type.into(), body.into());
        self.act(Action::Raw { status, content_type, body, after_work: false })
    }

    /// Does the work, then answers with any body in place of the real one; the other headers stay.
    pub fn answer_raw_after_work(
        self,
        status: u16,
        content_type: impl Into<String>,
        body: impl Into<String>,
    ) -> Fault {
        let (content_type, body) = (content_type.into(), body.into());
        self.act(Action::Raw { status, content_type, body, after_work: true })
    }

    /// Waits before the work begins.
    pub fn delay(self, delay: Duration) -> Fault {
        self.act(Action::Delay { millis: millis(delay), after_work: false })
    }

    /// Does the work, then waits before it answers.
    pub fn delay_answer(self, delay: Duration) -> Fault {
        self.act(Action::Delay { millis: millis(delay), after_work: true })
    }

    /// Stops reading after that many bytes of the request's body, or at its end if it is shorter, until the fault is
    /// released, the client goes, or the emulator stops.
    ///
    /// With [`u64::MAX`] the whole body is accepted, and nothing more happens.
    pub fn stall_after(self, body_bytes: u64) -> Fault {
        self.act(Action::Stall { after_bytes: body_bytes })
    }

    /// Stops before the body is read, until the fault is released, the client goes, or the emulator stops.
    pub fn stall(self) -> Fault {
        self.stall_after(0)
    }

    /// Does the work, then holds the answer back until the fault is released or the client goes.
    pub fn stall_answer(self) -> Fault {
        self.act(Action::StallAnswer)
    }

    /// Does the work and sends the answer's head and that many bytes of its body; the rest follows when the fault is
    /// released. An answer with a shorter body is sent whole.
    pub fn stall_answer_body_after(self, body_bytes: u64) -> Fault {
        self.act(Action::StallBody { after_bytes: body_bytes })
    }

    /// Answers 503 with `x-oss-qos-delay-time`, as OSS does when an account uploads too fast.
    pub fn throttle(self, delay: Duration) -> Fault {
        self.act(Action::Throttle { delay_millis: millis(delay) })
    }

    /// Resets the connection after that many bytes of the request's body, or at its end if it is shorter.
    pub fn reset_request_after(self, body_bytes: u64) -> Fault {
        self.act(Action::ResetRequest { after_bytes: body_bytes })
    }

    /// Does the work and resets the connection after that many bytes of the response, its head included; a shorter
    /// response is sent whole. Without a socket there is no head to cut, and the bytes of the body are counted.
    pub fn reset_response_after(self, bytes: u64) -> Fault {
        self.act(Action::ResetResponse { after_bytes: bytes })
    }

    /// Does the work, sends the answer's head and that many bytes of its body, and resets the connection; an answer
    /// with a shorter body is sent whole.
    pub fn reset_response_body_after(self, body_bytes: u64) -> Fault {
        self.act(Action::CutBody { after_bytes: body_bytes })
    }

    /// Does the work and resets the connection before the first byte of the answer.
    pub fn drop_answer(self) -> Fault {
        self.act(Action::DropAnswer)
    }

    /// Does the work and answers with a wrong `x-oss-hash-crc64ecma`.
    pub fn wrong_crc(self) -> Fault {
        self.act(Action::WrongCrc)
    }

    /// Does the work and answers without `x-oss-hash-crc64ecma`.
    pub fn missing_crc(self) -> Fault {
        self.act(Action::MissingCrc)
    }

    /// Does the work and answers with a wrong `ETag`.
    pub fn wrong_etag(self) -> Fault {
        self.act(Action::WrongEtag)
    }

    /// Does the work and answers without `ETag`.
    pub fn missing_etag(self) -> Fault {
        self.act(Action::MissingEtag)
    }

    /// Judges and answers the request as if the emulator's clock were ahead (or, negative, behind) by that much.
    pub fn clock_offset_millis(self, millis: i64) -> Fault {
        self.act(Action::ClockOffset { millis })
    }

    /// Answers 403 `SecurityTokenExpired`.
    pub fn expired_token(self) -> Fault {
        self.act(Action::ExpiredToken)
    }

    /// Does the work, sends no callback, and answers 203 `CallbackFailed` with this message and detailed error code (EC).
    /// A request without a callback is answered as ever.
    pub fn fail_callback(self, message: impl Into<String>, ec: impl Into<String>) -> Fault {
        self.act(Action::FailCallback { message: message.into(), ec: ec.into() })
    }

    /// Does the work, sends no callback, and answers 200 with this body, unjudged, as if an application server had
    /// answered it. A request without a callback is answered as ever.
    pub fn answer_callback(self, content_type: impl Into<String>, body: impl Into<String>) -> Fault {
        self.act(Action::AnswerCallback { content_type: content_type.into(), body: body.into() })
    }

    /// Answers 400 `InvalidPart` that names this part, though nothing is wrong with it, and does none of the work.
    pub fn invalid_part(self, number: u32) -> Fault {
        self.act(Action::InvalidPart { number })
    }

    /// Forgets this part of the request's upload, and then does the work: a Complete finds the part missing, a
    /// ListParts does not list it.
    pub fn lose_part(self, number: u32) -> Fault {
        self.act(Action::LosePart { number })
    }

    /// Puts a part of other bytes into the request's upload, as a stranger's UploadPart would, and then does the
    /// work. A part of this number is overwritten; without one, there is one part more.
    pub fn overwrite_part(self, number: u32, body: impl Into<String>) -> Fault {
        self.act(Action::OverwritePart { number, body: body.into() })
    }

    /// Answers a ListParts as truncated, with a `NextPartNumberMarker` that is the marker it was asked with.
    pub fn stuck_marker(self) -> Fault {
        self.act(Action::StuckMarker)
    }

    fn act(self, action: Action) -> Fault {
        Fault { point: self, action }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
