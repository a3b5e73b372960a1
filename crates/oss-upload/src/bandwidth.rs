//! A limit on the bytes a second that all uploads of one uploader send together.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use oss_transport::{Body, TransportError};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::flow::Flow;

/// A token bucket: bytes are taken first and waited for afterwards, so that whoever comes later waits longer and nobody
/// is overtaken.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    bytes_per_second: u64,
    /// When all bytes taken so far will have been earned.
    earned: Mutex<Option<Instant>>,
}

impl Bandwidth {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), earned: Mutex::new(None) }
    }

    /// Takes so many bytes and says when they may be sent.
    fn take(&self, bytes: u64) -> Instant {
        let now = Instant::now();
        let mut earned = self.earned.lock().unwrap_or_else(PoisonError::into_inner);
        // What was not used is kept for a moment only, so that a pause is not followed by a flood.
        let start = earned.map_or(now, |earned| earned.max(now.checked_sub(BURST).unwrap_or(now)));
        *earned = Some(start + self.time_for(bytes));
        start
    }

    /// Bytes that take about a tenth of a second, so that slow uploads move smoothly.
    fn piece(&self) -> usize {
        usize::try_from(self.bytes_per_second / 10).unwrap_or(usize::MAX).clamp(LEAST_PIECE, usize::MAX)
    }

    fn time_for(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64)
    }

    /// Slows a request body down to this limit.
    pub(crate) fn pace(self: &Arc<Self>, body: Body, flow: &Arc<Flow>) -> Body {
        Body::wrap(Paced { body, bandwidth: Arc::clone(self), flow: Arc::clone(flow), held: None })
    }
}

struct Paced {
    body: Body,
    bandwidth: Arc<Bandwidth>,
    flow: Arc<Flow>,
    /// Bytes that wait for their time.
    held: Option<Held>,
}

struct Held {
    bytes: Bytes,
    /// The time for the first piece of `bytes`, and the alarm that is set for it or for a sign of life before it.
    due: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Paced {
    fn hold(&mut self, bytes: Bytes) {
        let piece = bytes.len().min(self.bandwidth.piece());
        let due = self.bandwidth.take(piece as u64);
        self.held =
            Some(Held { bytes, due, alarm: Box::pin(sleep_until(due.min(Instant::now() + SIGN_OF_LIFE))) });
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let this = &mut *self;
        loop {
            if let Some(held) = &mut this.held {
                ready!(held.alarm.as_mut().poll(cx));
                let now = Instant::now();
                if held.due > now {
                    // Waiting for one's own limit is not standing still.
                    this.flow.touch();
                    held.alarm.as_mut().reset(held.due.min(now + SIGN_OF_LIFE));
                    continue;
                }
                let piece = held.bytes.len().min(this.bandwidth.piece());
                let bytes = held.bytes.split_to(piece);
                let rest = this.held.take().map(|held| held.bytes).filter(|rest| !rest.is_empty());
                if let Some(rest) = rest {
                    this.hold(rest);
                }
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => this.hold(bytes),
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.bytes.len() as u64);
        match self.body.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left + held),
            None => SizeHint::default(),
        }
    }
}

/// How much of an unused second is kept.
const BURST: Duration = Duration::from_millis(100);
/// How often a body that waits says that it is alive; well under any sensible idle limit.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);
const LEAST_PIECE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{Either, join_all, select};
    use http_body::Body as _;

    async fn drain(body: Body) -> u64 {
        let (mut body, mut total) = (body, 0);
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            total += frame.unwrap().into_data().unwrap().len() as u64;
        }
        assert!(body.is_end_stream());
        total
    }

    #[tokio::test(start_paused = true)]
    async fn many_bodies_share_one_limit() {
        let bandwidth = Arc::new(Bandwidth::new(1_000_000));
        let started = Instant::now();
        let bodies = (0..10).map(|_| {
            let flow = Flow::start(true, crate::TimeLimits::default());
            drain(bandwidth.pace(Body::from(Bytes::from(vec![0; 1_000_000])), &flow))
        });
        assert_eq!(join_all(bodies).await.iter().sum::<u64>(), 10_000_000);
        let seconds = started.elapsed().as_secs_f64();
        assert!((9.5..=10.1).contains(&seconds), "10 MB at 1 MB/s took {seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_not_followed_by_a_flood() {
        let bandwidth = Arc::new(Bandwidth::new(1000));
        bandwidth.take(1000);
        tokio::time::sleep(Duration::from_secs(3600)).await; // Paused time.
        assert!(bandwidth.take(1000) <= Instant::now());
        let wait = bandwidth.take(1).saturating_duration_since(Instant::now());
        assert!(wait >= Duration::from_millis(900), "{wait:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_limit_is_not_standing_still() {
        // One byte a second: a body of two kilobytes waits far longer than any idle limit.
        let bandwidth = Arc::new(Bandwidth::new(1));
        let flow = Flow::start(true, crate::TimeLimits::default());
        flow.enter(crate::limits::Phase::SendIdle);
        let body = std::pin::pin!(drain(bandwidth.pace(Body::from(Bytes::from(vec![0; 2048])), &flow)));
        let still = std::pin::pin!(flow.stands_still());
        assert!(matches!(select(body, still).await, Either::Left((2048, _))));
    }
}
