//! Faults: what goes wrong, for which request, how often.

mod action;
mod faulty;
mod point;
mod registry;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub(crate) use action::Action;
pub(crate) use faulty::{CallbackFault, Faulty, Tampering};
pub use point::FaultPoint;
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
///
/// # What can go wrong, one line each
///
/// ```
/// use std::time::Duration;
///
/// use oss_emulator::{Fault, Operation::*};
///
/// # let all = [
/// // The request: reset after so many bytes of its body (0, 1, half, at its end), stalled there, never answered.
/// Fault::on(UploadPart).part(3).reset_request_after(0),
/// Fault::on(UploadPart).part(3).reset_request_after(u64::MAX), // at the end of the body, whatever its length
/// Fault::on(UploadPart).part(3).stall_after(50_000),
/// Fault::on(UploadPart).part(3).stall_after(u64::MAX), // the whole body is accepted, and no answer comes
/// // The work is done, and the answer is lost, late, held back, or cut in its head or its body.
/// Fault::on(CompleteMultipartUpload).drop_answer(),
/// Fault::on(InitiateMultipartUpload).drop_answer(), // leaves an upload nobody knows of; the next one makes another
/// Fault::on(CompleteMultipartUpload).delay_answer(Duration::from_secs(60)),
/// Fault::on(CompleteMultipartUpload).stall_answer(),
/// Fault::on(CompleteMultipartUpload).reset_response_after(40), // inside the head
/// Fault::on(CompleteMultipartUpload).reset_response_body_after(80), // inside the XML
/// Fault::on(CompleteMultipartUpload).stall_answer_body_after(80),
/// // Another answer in place of the work: read the body first, or do not; XML, HTML, or an error under status 200.
/// Fault::on(UploadPart).attempt(1).answer(500, "InternalError"),
/// Fault::on(UploadPart).attempt(1).answer(400, "RequestTimeout"),
/// Fault::on(UploadPart).attempt(1).answer_unread(403, "AccessDenied"),
/// Fault::on(UploadPart).attempt(1).answer_raw(502, "text/html", "<h1>Bad Gateway</h1>"),
/// Fault::on(UploadPart).times(2).throttle(Duration::from_millis(200)), // 503 with x-oss-qos-delay-time
/// Fault::on(UploadPart).delay(Duration::from_secs(60)),
/// Fault::on(CompleteMultipartUpload).answer(200, "InternalError"), // <Error> under 200, nothing is completed
/// Fault::on(CompleteMultipartUpload).invalid_part(2), // 400 InvalidPart that names part 2
/// Fault::on(ListParts).answer(403, "AccessDenied"),
/// Fault::on(ListParts).answer(404, "NoSuchUpload"),
/// // The work is done, and the answer is another one.
/// Fault::on(CompleteMultipartUpload).answer_after_work(500, "InternalError"),
/// Fault::on(CompleteMultipartUpload).answer_raw_after_work(200, "application/xml", "<Error/>"),
/// Fault::on(UploadPart).part(2).wrong_crc(),
/// Fault::on(UploadPart).part(2).missing_crc(),
/// Fault::on(UploadPart).part(2).wrong_etag(),
/// Fault::on(UploadPart).part(2).missing_etag(),
/// // The upload is not what the client left behind.
/// Fault::on(ListParts).overwrite_part(2, "other bytes"), // also makes a part that was never sent
/// Fault::on(ListParts).lose_part(2),
/// Fault::on(CompleteMultipartUpload).lose_part(2), // a true InvalidPart
/// Fault::on(ListParts).always().stuck_marker(), // NextPartNumberMarker does not move
/// // Time and identity.
/// Fault::on(PutObject).clock_offset_millis(20 * 60 * 1000),
/// Fault::on(UploadPart).part(2).attempt(1).expired_token(),
/// // The callback of PutObject, PostObject and CompleteMultipartUpload.
/// Fault::on(CompleteMultipartUpload).fail_callback("Error status : 502.", "0007-00000203"), // 203
/// Fault::on(CompleteMultipartUpload).answer_callback("application/json", "not JSON"), // 200
/// # ];
/// # for fault in all {
/// #     let json = serde_json::to_string(&fault).unwrap();
/// #     assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
/// # }
/// ```
///
/// The messages of `CallbackFailed` that the OSS documentation shows, with their detailed error code (EC) where it
/// gives one:
///
/// | message | EC |
/// | --- | --- |
/// | `Error status : 502.`, also 301, 400, 404 and so on | `0007-00000203` |
/// | `Error status : -1.OSS can not connect to your callbackUrl, please check it.` | `0007-00000203` |
/// | `Error status : -1 192.0.2.1:80 reply timeout, cost:5000ms, timeout:5000ms (err -4, errno115).` | `0007-00000202` |
/// | `Cost too long time.` | `0007-00000202` |
/// | `Response body is not valid json format.` | `0007-00000205` |
/// | `Too many callback requests.` | `0007-00000201` |
/// | `Get image info failed.` | `0007-00000301` |
/// | `Error Status : 400.User server missing content-length.` | `0007-00000203` |
/// | `Error Status : 400.User server return invalid conent-length value.` (sic) | `0007-00000203` |
/// | `Error Status : 400.User server return too long content-length value.` | `0007-00000203` |
/// | `Callback to application server failed, please check your callbackUrl.` (of old) | |
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    #[serde(flatten)]
    point: FaultPoint,
    #[serde(flatten)]
    action: Action,
}

/// The names of a [`FaultPoint`]'s fields.
const POINT_NAMES: &[&str] = &["operation", "bucket", "key", "part", "attempt", "times", "always"];

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
            && !(200..=999).contains(status)
        {
            return Err(D::Error::custom(format!("{status} is no status of an answer; it is 200 to 999")));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
