//! What moves during one attempt: the request body on its way out, counted, checked and timed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::select;
use http_body::{Body as _, Frame, SizeHint};
use oss_transport::{Body, TransportError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::crc64::Crc64;
use crate::limits::{Phase, TimeLimits};
use crate::progress::Meter;
use crate::source::{Crc64Slot, SourceError};

/// The state an attempt shares with the body it gave to the transport.
#[derive(Debug)]
pub(crate) struct Flow {
    limits: TimeLimits,
    started: Instant,
    phase: AtomicU8,
    /// Milliseconds since `started` at which the watch wakes by itself.
    wakes: AtomicU64,
    /// Wakes the watch before that.
    earlier: Notify,
    /// Milliseconds since `started` at which something last moved.
    moved: AtomicU64,
    sent: AtomicU64,
    crc64: AtomicU64,
    source_error: Mutex<Option<SourceError>>,
}

impl Flow {
    pub(crate) fn start(has_body: bool, limits: TimeLimits) -> Arc<Self> {
        let phase = if has_body { Phase::Start } else { Phase::FirstByte };
        Arc::new(Self {
            limits,
            started: Instant::now(),
            phase: AtomicU8::new(phase as u8),
            wakes: AtomicU64::new(u64::MAX),
            earlier: Notify::new(),
            moved: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            crc64: AtomicU64::new(0),
            source_error: Mutex::new(None),
        })
    }

    /// Bytes of the body the transport has taken.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Acquire)
    }

    /// CRC-64 of the whole body, once it has been taken to its end.
    pub(crate) fn crc64(&self) -> u64 {
        self.crc64.load(Ordering::Acquire)
    }

    /// Whether the transport has the whole request.
    pub(crate) fn is_sent(&self) -> bool {
        self.phase() as u8 >= Phase::FirstByte as u8
    }

    pub(crate) fn take_source_error(&self) -> Option<SourceError> {
        self.source_error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.touch();
        // Waking a task of another thread costs more than all else here, and the watch looks at the phase anyway when
        // it wakes; so it is woken only if it would sleep past the limit of the new phase. It says first until when it
        // sleeps and then looks at the phase again; here it is the other way round, so that one of the two sees the other.
        if self.phase.swap(phase as u8, Ordering::SeqCst) != phase as u8
            && self.idle_limit_ends(phase).is_some_and(|end| end < self.wakes.load(Ordering::SeqCst))
        {
            self.earlier.notify_one();
        }
    }

    pub(crate) fn touch(&self) {
        self.moved.store(millis(self.started.elapsed()), Ordering::Release);
    }

    /// When the limit of a phase ends if nothing moves, in milliseconds since the start.
    fn idle_limit_ends(&self, phase: Phase) -> Option<u64> {
        let limit = self.limits.of(phase)?;
        Some(self.moved.load(Ordering::Acquire).saturating_add(millis(limit)))
    }

    /// Returns when nothing has moved for longer than the limit of the phase. Never returns while things move.
    pub(crate) async fn stands_still(&self) -> (Phase, Duration) {
        loop {
            let phase = self.phase();
            let idle = self
                .idle_limit_ends(phase)
                .zip(self.limits.of(phase))
                .map(|(end, limit)| (end, phase, limit));
            let total = self.limits.total.map(|limit| (millis(limit), Phase::Total, limit));
            let next = idle.into_iter().chain(total).min_by_key(|(end, ..)| *end);
            let end = next.map_or(u64::MAX, |(end, ..)| end);
            self.wakes.store(end, Ordering::SeqCst);
            if self.phase() as u8 != phase as u8 {
                continue;
            }
            let Some((end, phase, limit)) = next else {
                self.earlier.notified().await;
                continue;
            };
            let Some(deadline) = self.started.checked_add(Duration::from_millis(end)) else {
                // Beyond the end of time.
                self.earlier.notified().await;
                continue;
            };
            if Instant::now() >= deadline {
                return (phase, limit);
            }
            select(pin!(sleep_until(deadline)), pin!(self.earlier.notified())).await;
        }
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Start,
            1 => Phase::SendIdle,
            2 => Phase::FirstByte,
            _ => Phase::ReceiveIdle,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Puts the flow's meters around a request body that must have `len` bytes, if given. `crc64` is where the body's source
/// leaves their checksum, if it computes that itself.
pub(crate) fn metered(
    body: Body,
    len: Option<u64>,
    crc64: Option<Crc64Slot>,
    flow: &Arc<Flow>,
    meter: Option<Meter>,
) -> Body {
    let crc64 = crc64.map_or_else(|| Sum::Ours(Crc64::new()), Sum::OfSource);
    Body::wrap(Metered { body, len, crc64, held: None, flow: Arc::clone(flow), meter })
}

#[expect(clippy::large_enum_variant, reason = "there is one in a request, and its body is boxed")]
enum Sum {
    Ours(Crc64),
    OfSource(Crc64Slot),
}

struct Metered {
    body: Body,
    len: Option<u64>,
    crc64: Sum,
    /// The chunk that completes the declared length. It goes out when the source has shown that nothing follows, so
    /// that a source with more bytes than it declared fails the request instead of storing its beginning.
    held: Option<Bytes>,
    flow: Arc<Flow>,
    meter: Option<Meter>,
}

impl Metered {
    /// Takes the source's next chunk; `Some` is what goes on to the transport.
    fn took(&mut self, chunk: Bytes) -> Result<Option<Bytes>, SourceError> {
        if chunk.is_empty() {
            return Ok(None);
        }
        let sent = self.flow.sent() + chunk.len() as u64;
        match self.len {
            Some(expected) if self.held.is_some() || sent > expected => Err(SourceError::Grew { expected }),
            Some(expected) if sent == expected && !self.body.is_end_stream() => {
                self.held = Some(chunk);
                Ok(None)
            }
            _ => self.pass(chunk).map(Some),
        }
    }

    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, SourceError> {
        let sent = self.flow.sent() + chunk.len() as u64;
        if let Sum::Ours(crc64) = &mut self.crc64 {
            crc64.update(&chunk);
        }
        self.flow.sent.store(sent, Ordering::Release);
        if let Some(meter) = &self.meter {
            meter.reached(sent);
        }
        if self.len == Some(sent) {
            // A transport that knows the length may not ask again.
            self.finished()?;
        } else {
            self.flow.enter(Phase::SendIdle);
        }
        Ok(chunk)
    }

    fn finished(&self) -> Result<(), SourceError> {
        let crc64 = match &self.crc64 {
            Sum::Ours(crc64) => crc64.value(),
            Sum::OfSource(slot) => slot.get().ok_or_else(|| SourceError::Failed(NO_CRC64.into()))?,
        };
        self.flow.crc64.store(crc64, Ordering::Release);
        if !self.flow.is_sent() {
            self.flow.enter(Phase::FirstByte);
        }
        Ok(())
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        loop {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(self.ended()),
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    let error = SourceError::from_body(error);
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            };
            // OSS takes no trailers, so only data goes on.
            let Ok(chunk) = frame.into_data() else { continue };
            match self.took(chunk) {
                Ok(None) => {}
                Ok(Some(chunk)) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
                Err(error) => return Poll::Ready(Some(Err(self.fail(error)))),
            }
        }
    }

    /// The source has ended.
    fn ended(&mut self) -> Option<Result<Frame<Bytes>, TransportError>> {
        if let Some(chunk) = self.held.take() {
            return Some(self.pass(chunk).map(Frame::data).map_err(|error| self.fail(error)));
        }
        let actual = self.flow.sent();
        if let Some(expected) = self.len
            && actual < expected
        {
            return Some(Err(self.fail(SourceError::Shrank { expected, actual })));
        }
        self.finished().err().map(|error| Err(self.fail(error)))
    }

    /// Keeps the error itself for the attempt and gives the transport a stand-in to pass through.
    fn fail(&self, error: SourceError) -> TransportError {
        let stand_in = TransportError::new(oss_transport::TransportErrorKind::Body, error.to_string());
        *self.flow.source_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        stand_in
    }
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let this = &mut *self;
        if this.flow.phase() as u8 == Phase::Start as u8 {
            this.flow.enter(Phase::SendIdle);
        }
        // A transport that polls on a task of its own would make a lost connection of a panic, and be asked again.
        // After it nothing of `this` is used but the flow, which holds atomics.
        match catch_unwind(AssertUnwindSafe(|| this.next(cx))) {
            Ok(frame) => frame,
            Err(panic) => {
                let says = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let says = says.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                let error = format!("the source or the function told of progress panicked: {says}");
                Poll::Ready(Some(Err(this.fail(SourceError::Failed(error.into())))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.len == Some(self.flow.sent())
    }

    fn size_hint(&self) -> SizeHint {
        match self.len {
            Some(len) => SizeHint::with_exact(len.saturating_sub(self.flow.sent())),
            None => SizeHint::default(),
        }
    }
}

const NO_CRC64: &str = "it gave all its bytes, but not the CRC-64 it was to compute";

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_moves_is_never_ended() {
        let flow = Flow::start(true, TimeLimits::default());
        flow.enter(Phase::SendIdle);
        let mut watch = pin!(flow.stands_still());
        // Ten hours, a chunk every 59 seconds.
        for _ in 0..610 {
            assert!(timeout(Duration::from_secs(59), &mut watch).await.is_err());
            flow.touch();
        }
        assert_eq!(watch.await, (Phase::SendIdle, Duration::from_secs(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_is_timed_from_its_own_beginning() {
        let limits = TimeLimits::default();
        for (phase, limit) in
            [(Phase::Start, 20), (Phase::SendIdle, 60), (Phase::FirstByte, 60), (Phase::ReceiveIdle, 30)]
        {
            let flow = Flow::start(true, limits.clone());
            let started = Instant::now();
            let mut watch = pin!(flow.stands_still());
            // The watch already sleeps for the first phase when the next begins.
            assert!(timeout(Duration::from_secs(10), &mut watch).await.is_err());
            flow.enter(phase);
            let begun = if phase == Phase::Start { 0 } else { 10 };
            assert_eq!(watch.await, (phase, Duration::from_secs(limit)));
            // Entering a phase counts as a movement, also when it is the one that lasts.
            assert!(started.elapsed().as_secs() >= limit + begun, "{phase}: {:?}", started.elapsed());
            assert!(started.elapsed().as_secs() <= limit + 10, "{phase}: {:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_limit_ends_an_attempt_that_moves_and_none_ends_nothing() {
        let limits = TimeLimits { total: Some(Duration::from_secs(100)), ..TimeLimits::default() };
        let flow = Flow::start(true, limits.clone());
        flow.enter(Phase::SendIdle);
        let mut watch = pin!(flow.stands_still());
        for _ in 0..9 {
            assert!(timeout(Duration::from_secs(11), &mut watch).await.is_err());
            flow.touch();
        }
        assert_eq!(watch.await, (Phase::Total, Duration::from_secs(100)));

        let limits = TimeLimits { send_idle: None, ..TimeLimits::default() };
        let flow = Flow::start(true, limits.clone());
        flow.enter(Phase::SendIdle);
        let mut watch = pin!(flow.stands_still());
        advance(Duration::from_secs(1_000_000)).await;
        assert!(timeout(Duration::from_secs(1_000_000), &mut watch).await.is_err());
        flow.enter(Phase::FirstByte);
        assert_eq!(watch.await.0, Phase::FirstByte);
    }
}
