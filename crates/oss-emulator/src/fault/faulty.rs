//! What is left of a fault for the operation itself, after the server has played its part.

use bytes::Bytes;

/// What the faults of a request want of its operation.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    pub(crate) callback: Option<CallbackFault>,
    pub(crate) tampering: Vec<Tampering>,
    /// The next marker of a listing of parts does not move.
    pub(crate) stuck_marker: bool,
}

/// How a callback ends that is not sent.
#[derive(Clone, Debug)]
pub(crate) enum CallbackFault {
    Fail { message: String, ec: String },
    Answer { content_type: String, body: String },
}

/// What happens to a part behind the client's back.
#[derive(Clone, Debug)]
pub(crate) enum Tampering {
    Lose(u32),
    Overwrite(u32, Bytes),
}
