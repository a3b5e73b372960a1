//! Faults: what goes wrong, for which request, how often.

mod registry;

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use registry::FaultHandle;
pub(crate) use registry::{Faults, Release, Strike, Subject};

use crate::operation::Operation;

/// Something that goes wrong for chosen requests.
///
/// Made by [`Fault::on`] or [`Fault::on_any`], which choose the requests, and then one of the actions of
/// [`FaultPoint`]. As JSON (the admin endpoint and `--faults FILE` of the binary) it is one flat object:
///
/// ```
/// use oss_emulator::{Fault, Operation};
///
/// let in_rust = Fault::on(Operation::UploadPart).part(5).attempt(1).answer(500, "InternalError");
/// let in_json: Fault = serde_json::from_str(
///     r#"{"operation": "UploadPart", "part": 5, "attempt": 1,
///         "action": "answer", "status": 500, "code": "InternalError"}"#,
/// )?;
/// assert_eq!(in_rust, in_json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    #[serde(flatten)]
    point: FaultPoint,
    #[serde(flatten)]
    action: Action,
}

/// Which requests a [`Fault`] strikes, and how often; an action turns it into the fault.
///
/// Everything that is not said matches everything. A fault strikes once unless [`times`](Self::times) or
/// [`always`](Self::always) says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[must_use = "a point does nothing until an action makes it a fault"]
pub struct FaultPoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    always: bool,
}

/// The names of a [`FaultPoint`]'s fields.
const POINT_NAMES: &[&str] = &["operation", "bucket", "key", "part", "attempt", "times", "always"];

/// What happens to a struck request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(crate) enum Action {
    Answer {
        status: u16,
        code: String,
        #[serde(default)]
        after_work: bool,
    },
    Raw {
        status: u16,
        content_type: String,
        body: String,
    },
    Delay {
        millis: u64,
        #[serde(default)]
        after_work: bool,
    },
    Stall {
        #[serde(default)]
        after_bytes: u64,
    },
    StallAnswer,
    Throttle {
        delay_millis: u64,
    },
    ResetRequest {
        #[serde(default)]
        after_bytes: u64,
    },
    ResetResponse {
        #[serde(default)]
        after_bytes: u64,
    },
    DropAnswer,
    WrongCrc,
    MissingCrc,
    WrongEtag,
    MissingEtag,
    ClockOffset {
        millis: i64,
    },
    ExpiredToken,
    FailCallback {
        message: String,
        ec: String,
    },
}

impl<'de> Deserialize<'de> for Fault {
    /// Refuses names it does not know, since a misspelt condition would strike other requests than was meant.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let point = FaultPoint::deserialize(&value).map_err(D::Error::custom)?;
        let action = Action::deserialize(&value).map_err(D::Error::custom)?;
        let of_action = serde_json::to_value(&action).map_err(D::Error::custom)?;
        let known = |name: &str| POINT_NAMES.contains(&name) || of_action.get(name).is_some();
        if let Some(name) =
            value.as_object().into_iter().flat_map(|object| object.keys()).find(|name| !known(name))
        {
            return Err(D::Error::custom(format!("a fault with this action has no {name:?}")));
        }
        if let Action::Answer { status, .. } | Action::Raw { status, .. } = &action
            && http::StatusCode::from_u16(*status).is_err()
        {
            return Err(D::Error::custom(format!("{status} is no HTTP status; it is 100 to 999")));
        }
        Ok(Self { point, action })
    }
}

impl Fault {
    /// Chooses the requests of one operation.
    pub fn on(operation: Operation) -> FaultPoint {
        FaultPoint { operation: Some(operation), ..FaultPoint::default() }
    }

    /// Chooses all requests.
    pub fn on_any() -> FaultPoint {
        FaultPoint::default()
    }
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
    /// A status that is none (below 100, above 999) is answered as 500.
    pub fn answer(self, status: u16, code: impl Into<String>) -> Fault {
        self.act(Action::Answer { status, code: code.into(), after_work: false })
    }

    /// Does the work, then answers with an error document all the same.
    pub fn answer_after_work(self, status: u16, code: impl Into<String>) -> Fault {
        self.act(Action::Answer { status, code: code.into(), after_work: true })
    }

    /// Answers with any body and does none of the work, for instance a proxy's 502 page.
    pub fn answer_raw(self, status: u16, content_type: impl Into<String>, body: impl Into<String>) -> Fault {
        self.act(Action::Raw { status, content_type: content_type.into(), body: body.into() })
    }

    /// Waits before the work begins.
    pub fn delay(self, delay: Duration) -> Fault {
        self.act(Action::Delay { millis: millis(delay), after_work: false })
    }

    /// Does the work, then waits before it answers.
    pub fn delay_answer(self, delay: Duration) -> Fault {
        self.act(Action::Delay { millis: millis(delay), after_work: true })
    }

    /// Stops reading after that many bytes of the request's body, until the fault is released or the emulator
    /// stops.
    pub fn stall_after(self, body_bytes: u64) -> Fault {
        self.act(Action::Stall { after_bytes: body_bytes })
    }

    /// Stops before the body is read, until the fault is released or the emulator stops.
    pub fn stall(self) -> Fault {
        self.stall_after(0)
    }

    /// Does the work, then holds the answer back until the fault is released or the client goes.
    pub fn stall_answer(self) -> Fault {
        self.act(Action::StallAnswer)
    }

    /// Answers 503 with `x-oss-qos-delay-time`, as OSS does when an account uploads too fast.
    pub fn throttle(self, delay: Duration) -> Fault {
        self.act(Action::Throttle { delay_millis: millis(delay) })
    }

    /// Resets the connection after that many bytes of the request's body, or at its end if it is shorter.
    pub fn reset_request_after(self, body_bytes: u64) -> Fault {
        self.act(Action::ResetRequest { after_bytes: body_bytes })
    }

    /// Does the work and resets the connection after that many bytes of the response, its head included.
    pub fn reset_response_after(self, bytes: u64) -> Fault {
        self.act(Action::ResetResponse { after_bytes: bytes })
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

    /// Does the work, sends no callback, and answers 203 `CallbackFailed` with this message and error-case number.
    pub fn fail_callback(self, message: impl Into<String>, ec: impl Into<String>) -> Fault {
        self.act(Action::FailCallback { message: message.into(), ec: ec.into() })
    }

    fn act(self, action: Action) -> Fault {
        Fault { point: self, action }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Action {
    /// The name for the journal.
    pub(crate) fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(value) => value.get("action").and_then(|name| name.as_str()).unwrap_or("fault").to_owned(),
            Err(_) => "fault".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(part: u32, attempt: u64) -> Subject<'static> {
        Subject {
            operation: Operation::UploadPart,
            bucket: Some("b"),
            key: Some("k"),
            part: Some(part),
            attempt,
        }
    }

    #[test]
    fn strikes_only_what_was_chosen_and_only_as_often() {
        let faults = Faults::default();
        let handle = faults.inject(Fault::on(Operation::UploadPart).part(5).times(2).wrong_crc());
        assert!(faults.strike(subject(4, 1)).is_empty());
        assert_eq!(faults.strike(subject(5, 1)).len(), 1);
        assert_eq!(faults.strike(subject(5, 2)).len(), 1);
        assert!(faults.strike(subject(5, 3)).is_empty());
        assert_eq!(handle.hits(), 2);
    }

    #[test]
    fn a_released_fault_strikes_no_more() {
        let faults = Faults::default();
        let handle = faults.inject(Fault::on_any().always().drop_answer());
        assert_eq!(faults.strike(subject(1, 1)).len(), 1);
        handle.release();
        assert!(faults.strike(subject(1, 2)).is_empty());
        assert!(faults.list().is_empty());
    }

    #[test]
    fn json_and_rust_say_the_same() {
        let fault =
            Fault::on(Operation::CompleteMultipartUpload).attempt(1).delay_answer(Duration::from_secs(2));
        let json = serde_json::to_string(&fault).unwrap();
        assert_eq!(
            json,
            r#"{"operation":"CompleteMultipartUpload","attempt":1,"action":"delay","millis":2000,"after_work":true}"#
        );
        assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
    }

    #[test]
    fn a_misspelt_operation_is_an_error() {
        assert!(
            serde_json::from_str::<Fault>(r#"{"operation":"UploadParts","action":"drop-answer"}"#).is_err()
        );
        assert!(serde_json::from_str::<Fault>(r#"{"operation":"UploadPart","action":"explode"}"#).is_err());
        for script in [
            r#"{"operation":"UploadPart","atempt":1,"action":"drop-answer"}"#,
            r#"{"action":"drop-answer","status":500}"#,
            r#"{"action":"answer","status":7,"code":"x"}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(script).is_err(), "{script}");
        }
    }
}
