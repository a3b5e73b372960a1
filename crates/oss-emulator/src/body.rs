//! The body of a request as operations read it, with the faults that can happen to it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::Instant;

use crate::error::{MALFORMED_XML, OssError};
use crate::fault::Release;
use crate::journal::Ticket;
use crate::server::{Peer, unless_gone};

/// An error of the connection underneath.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an operation ends without its normal answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// An error document.
    Error(OssError),
    /// No answer at all: the connection is gone, or a fault cuts it.
    Hangup(Hangup),
}

/// How a connection ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// With a TCP reset, by a fault.
    Reset,
    /// The client went first.
    ClientGone,
}

impl From<OssError> for Refusal {
    fn from(error: OssError) -> Self {
        Self::Error(error)
    }
}

impl From<crate::error::Kind> for Refusal {
    fn from(kind: crate::error::Kind) -> Self {
        Self::Error(kind.into())
    }
}

/// A fault that strikes when that many bytes of the body have been read.
#[derive(Debug)]
pub(crate) enum BodyFault {
    Reset { after: u64 },
    Stall { after: u64, until: Release },
}

impl BodyFault {
    fn after(&self) -> u64 {
        match self {
            Self::Reset { after } | Self::Stall { after, .. } => *after,
        }
    }
}

/// The body of a request that is being received.
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, BoxError>,
    read: u64,
    /// Bytes taken from the connection but not given out yet, because a fault cut a piece in two.
    kept: Option<Bytes>,
    fault: Option<BodyFault>,
    ended: bool,
    /// Who sends it, where there is a connection to look at while nothing is read from it.
    peer: Option<Peer>,
    pace: Option<Pace>,
}

/// A speed that reading must not exceed.
struct Pace {
    bits_per_second: u64,
    began: Instant,
    read: u64,
}

impl Pace {
    /// When that many bytes may have been read.
    fn due(&self) -> Instant {
        let bits = u128::from(self.read) * 8;
        let micros = bits * 1_000_000 / u128::from(self.bits_per_second.max(1));
        self.began + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX >> 8))
    }
}

impl RequestBody {
    pub(crate) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self {
            inner: body.map_err(Into::into).boxed_unsync(),
            read: 0,
            kept: None,
            fault: None,
            ended: false,
            peer: None,
            pace: None,
        }
    }

    /// Reads no faster than that from now on.
    pub(crate) fn set_pace(&mut self, bits_per_second: u64) {
        self.pace = Some(Pace { bits_per_second, began: Instant::now(), read: 0 });
    }

    /// Names the connection that the body comes on.
    pub(crate) fn sent_by(mut self, peer: Peer) -> Self {
        self.peer = Some(peer);
        self
    }

    pub(crate) fn set_fault(&mut self, fault: BodyFault) {
        self.fault = Some(fault);
    }

    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// The next piece, `None` at the end.
    pub(crate) async fn next(&mut self, ticket: &Ticket) -> Result<Option<Bytes>, Refusal> {
        if let Some(pace) = &self.pace {
            let wait = tokio::time::sleep_until(pace.due());
            unless_gone(self.peer.as_ref(), wait).await.map_err(Refusal::Hangup)?;
        }
        if let Some(after) = self.fault.as_ref().map(BodyFault::after)
            && self.read >= after
        {
            self.strike().await?;
        }
        let Some(mut piece) = self.receive(ticket).await? else {
            // A body shorter than the fault's offset meets the fault at its end.
            self.strike().await?;
            return Ok(None);
        };
        if let Some(fault) = &self.fault {
            let room = usize::try_from(fault.after() - self.read).unwrap_or(usize::MAX);
            if room < piece.len() {
                self.kept = Some(piece.split_off(room));
            }
        }
        self.read += piece.len() as u64;
        if let Some(pace) = &mut self.pace {
            pace.read += piece.len() as u64;
        }
        Ok(Some(piece))
    }

    async fn strike(&mut self) -> Result<(), Refusal> {
        match self.fault.take() {
            Some(BodyFault::Reset { .. }) => Err(Refusal::Hangup(Hangup::Reset)),
            Some(BodyFault::Stall { until, .. }) => {
                unless_gone(self.peer.as_ref(), until.wait()).await.map_err(Refusal::Hangup)
            }
            None => Ok(()),
        }
    }

    async fn receive(&mut self, ticket: &Ticket) -> Result<Option<Bytes>, Refusal> {
        if let Some(kept) = self.kept.take() {
            return Ok(Some(kept));
        }
        while !self.ended {
            match self.inner.frame().await {
                None => self.ended = true,
                Some(Err(_)) => return Err(Refusal::Hangup(Hangup::ClientGone)),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        ticket.received_more(piece.len() as u64);
                        return Ok(Some(piece));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads a small body whole; more than `limit` bytes are refused.
    pub(crate) async fn collect(&mut self, limit: usize, ticket: &Ticket) -> Result<Bytes, Refusal> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next(ticket).await? {
            if whole.len() + piece.len() > limit {
                return Err(too_long(limit).into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Reads a small body whole that no journal entry is about.
    pub(crate) async fn collect_unrecorded(&mut self, limit: usize) -> Result<Bytes, Refusal> {
        let mut whole = BytesMut::new();
        while let Some(frame) = self.inner.frame().await {
            let Ok(frame) = frame else { return Err(Refusal::Hangup(Hangup::ClientGone)) };
            if let Some(piece) = frame.data_ref() {
                whole.extend_from_slice(piece);
            }
            if whole.len() > limit {
                return Err(too_long(limit).into());
            }
        }
        Ok(whole.freeze())
    }

    /// Throws away what is left while the answer is on its way, up to `limit` bytes, so that a client that is still
    /// sending can hear it.
    pub(crate) fn discard_later(mut self, limit: u64) {
        tokio::spawn(async move {
            let mut left = limit;
            while let Some(Ok(frame)) = self.inner.frame().await {
                let received = frame.data_ref().map_or(0, Bytes::len) as u64;
                match left.checked_sub(received) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        });
    }

    /// Throws away what is left, up to `limit` bytes, so that a client that is still sending can hear the answer.
    pub(crate) async fn discard(&mut self, limit: u64, ticket: &Ticket) {
        let mut left = limit;
        while let Ok(Some(piece)) = self.receive(ticket).await {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

fn too_long(limit: usize) -> OssError {
    OssError::from(MALFORMED_XML)
        .saying(format!("The request body is longer than {limit} bytes, the most for this operation."))
}
