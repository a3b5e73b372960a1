//! What a fault does.

use serde::{Deserialize, Serialize};

/// What happens to a struck request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub(crate) enum Action {
    Answer {
        status: u16,
        code: String,
        #[serde(default)]
        after_work: bool,
        #[serde(default)]
        unread: bool,
    },
    Raw {
        status: u16,
        content_type: String,
        body: String,
        #[serde(default)]
        after_work: bool,
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
    StallBody {
        #[serde(default)]
        after_bytes: u64,
    },
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
    CutBody {
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
    AnswerCallback {
        content_type: String,
        body: String,
    },
    InvalidPart {
        number: u32,
    },
    LosePart {
        number: u32,
    },
    OverwritePart {
        number: u32,
        body: String,
    },
    StuckMarker,
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
