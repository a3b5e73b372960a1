//! The parts as they come to be sent: ranges of a source that can be opened again, or pieces of a stream kept in memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use oss_transport::Body;

use super::local_crc64::source_within;
use super::plan::{Cut, Plan};
use crate::body::next_data;
use crate::error::Error;
use crate::memory::{Memory, Reservation};
use crate::operation::Operation;
use crate::source::{CHUNK, Chunks, Source, SourceError};

/// A part that is ready to be sent; its memory is reserved.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) number: u16,
    bytes: PieceBytes<'a>,
    _memory: Reservation,
}

#[derive(Debug)]
enum PieceBytes<'a> {
    Range(&'a dyn Source, Range<u64>),
    Held(Held),
}

impl<'a> Piece<'a> {
    /// Where its bytes are.
    pub(crate) fn source(&self) -> (&dyn Source, Range<u64>) {
        match &self.bytes {
            PieceBytes::Range(source, range) => (*source, range.clone()),
            PieceBytes::Held(held) => (held, 0..held.len),
        }
    }

    /// What sending it a second time holds besides.
    pub(crate) fn second_memory(&self) -> u64 {
        match self.bytes {
            PieceBytes::Range(..) => RANGE_MEMORY,
            PieceBytes::Held(_) => 0,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        let (_, range) = self.source();
        range.end - range.start
    }
}

/// Where the parts of a run come from.
#[derive(Debug)]
pub(crate) enum Supply<'a> {
    Ranges { source: &'a dyn Source, plan: Plan, missing: VecDeque<u16>, memory: &'a Memory },
    Stream { first: Option<Piece<'a>>, reader: PieceReader },
}

impl<'a> Supply<'a> {
    /// Reserves the memory of the next part and, of a stream, reads it. Gives itself back for the one behind.
    pub(crate) async fn take(mut self) -> Result<Option<(Piece<'a>, Self)>, Error> {
        let piece = match &mut self {
            Self::Ranges { source, plan, missing, memory } => {
                let Some(number) = missing.pop_front() else { return Ok(None) };
                let bytes = PieceBytes::Range(*source, plan.range(number));
                Some(Piece { number, bytes, _memory: memory.reserve(RANGE_MEMORY).await })
            }
            Self::Stream { first, reader } => match first.take() {
                Some(first) => Some(first),
                None => reader.read().await?,
            },
        };
        Ok(piece.map(|piece| (piece, self)))
    }
}

/// Cuts a stream into parts that are kept in memory, so that each can be sent again.
#[derive(Debug)]
pub(crate) struct PieceReader {
    body: Body,
    /// The bytes there must be, if that is known.
    len: Option<u64>,
    cut: Cut,
    memory: Memory,
    /// How long the stream may be silent.
    idle: Option<Duration>,
    next: u16,
    read: u64,
    /// What of the last chunk belongs to the next part.
    rest: Bytes,
    ended: bool,
}

impl PieceReader {
    pub(crate) fn new(
        body: Body,
        len: Option<u64>,
        cut: Cut,
        memory: Memory,
        idle: Option<Duration>,
    ) -> Self {
        Self { body, len, cut, memory, idle, next: 1, read: 0, rest: Bytes::new(), ended: false }
    }

    /// Reads the first part and says whether it is all there is.
    pub(crate) async fn read_first(&mut self) -> Result<(Option<Piece<'static>>, bool), Error> {
        let piece = self.read().await?;
        self.fill_rest().await?;
        Ok((piece, self.ended && self.rest.is_empty()))
    }

    async fn read(&mut self) -> Result<Option<Piece<'static>>, Error> {
        let (number, before) = (self.next, self.read);
        let Some(size) = self.cut.part_size(number) else {
            self.expect_end().await?;
            return Ok(None);
        };
        let reservation = self.memory.reserve(size).await;
        let mut held = Held::default();
        while held.len < size {
            if self.rest.is_empty() && !self.fill_rest().await? {
                break;
            }
            let take = (size - held.len).min(self.rest.len() as u64) as usize;
            held.push(&self.rest.split_to(take));
        }
        self.read = before + held.len;
        if let Some(expected) = self.len.filter(|_| self.ended && self.rest.is_empty())
            && self.read < expected
        {
            return Err(SourceError::Shrank { expected, actual: self.read }.into());
        }
        if held.len == 0 {
            return Ok(None);
        }
        held.seal();
        self.next += 1;
        Ok(Some(Piece { number, bytes: PieceBytes::Held(held), _memory: reservation }))
    }

    /// All parts there can be are read: nothing may follow.
    async fn expect_end(&mut self) -> Result<(), Error> {
        if self.rest.is_empty() && !self.fill_rest().await? {
            return Ok(());
        }
        match self.len {
            Some(expected) => Err(SourceError::Grew { expected }.into()),
            None => {
                let reason = format!(
                    "is longer than {} bytes, which 10,000 parts of this size reach; set a larger part_size or memory_limit",
                    self.read
                );
                Err(Error::invalid("content", reason))
            }
        }
    }

    /// Takes the stream's next bytes; `false` at its end.
    async fn fill_rest(&mut self) -> Result<bool, Error> {
        while self.rest.is_empty() && !self.ended {
            let operation = Operation::UploadPart(self.next);
            match source_within(operation, self.idle, next_data(&mut self.body)).await? {
                None => self.ended = true,
                Some(data) => self.rest = data.map_err(SourceError::from_body)?,
            }
        }
        Ok(!self.rest.is_empty())
    }
}

/// Bytes of a stream, in chunks. They are copied out of the stream's own, which may be slices of something larger, so
/// that what is held is what was reserved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    chunks: Arc<Vec<Bytes>>,
    open: BytesMut,
    len: u64,
}

impl Held {
    fn push(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.open.capacity() == self.open.len() {
                self.seal();
                self.open = BytesMut::with_capacity(CHUNK);
            }
            let take = bytes.len().min(self.open.capacity() - self.open.len());
            self.open.extend_from_slice(&bytes[..take]);
            bytes = &bytes[take..];
        }
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            let chunk = std::mem::take(&mut self.open).freeze();
            Arc::make_mut(&mut self.chunks).push(chunk);
        }
    }
}

#[async_trait]
impl Source for Held {
    fn length(&self) -> Option<u64> {
        Some(self.len)
    }

    /// Only ever opened whole.
    async fn open(&self, _: Range<u64>) -> Result<Body, SourceError> {
        let held = Arc::clone(&self.chunks);
        let chunks = (0..held.len()).map(move |at| held[at].clone());
        Ok(Body::wrap(Chunks { chunks, left: self.len }))
    }
}

/// What a part of a file holds on its way: four chunks, lent to the transport or being read.
const RANGE_MEMORY: u64 = 4 * CHUNK as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use proptest::prelude::*;

    const LEAST: u64 = 100 * 1024;

    fn reader(chunks: Vec<Vec<u8>>, len: Option<u64>) -> PieceReader {
        let memory = Memory::new(64 << 20);
        let cut = Cut::new(len, Some(LEAST), memory.limit()).unwrap();
        let items = chunks.into_iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk)));
        PieceReader::new(Body::from_stream(stream::iter(items), None), len, cut, memory, None)
    }

    async fn read_all(mut reader: PieceReader) -> Result<Vec<Vec<u8>>, Error> {
        let mut pieces = Vec::new();
        while let Some(piece) = reader.read().await? {
            assert_eq!(usize::from(piece.number), pieces.len() + 1);
            let PieceBytes::Held(held) = &piece.bytes else { panic!("a stream's piece is held") };
            let bytes = held.chunks.concat();
            assert_eq!(bytes.len() as u64, piece.len());
            assert!(held.chunks.iter().all(|chunk| chunk.len() <= CHUNK));
            pieces.push(bytes);
        }
        Ok(pieces)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pieces_are_the_stream_whatever_its_chunks(sizes in proptest::collection::vec(0usize..300_000, 0..12)) {
            let mut n = 0u8;
            let chunks: Vec<Vec<u8>> =
                sizes.iter().map(|&size| { n = n.wrapping_add(37); vec![n; size] }).collect();
            let whole = chunks.concat();
            let pieces = futures_util::FutureExt::now_or_never(read_all(reader(chunks, None))).unwrap().unwrap();
            prop_assert_eq!(pieces.concat(), whole.clone());
            let full = pieces.split_last().map_or(&[][..], |(_, rest)| rest);
            prop_assert!(full.iter().all(|piece| piece.len() as u64 == LEAST));
            prop_assert_eq!(pieces.len() as u64, (whole.len() as u64).div_ceil(LEAST));
        }
    }

    #[tokio::test]
    async fn a_stream_that_is_not_as_long_as_it_says_is_an_error() {
        let chunks = || vec![vec![1; 150_000], vec![2; 50_000]];
        assert_eq!(read_all(reader(chunks(), Some(200_000))).await.unwrap().len(), 2);
        let short = read_all(reader(chunks(), Some(200_001))).await.unwrap_err();
        assert!(matches!(short, Error::Source(SourceError::Shrank { expected: 200_001, actual: 200_000 })));
        let long = read_all(reader(chunks(), Some(199_999))).await.unwrap_err();
        assert!(matches!(long, Error::Source(SourceError::Grew { expected: 199_999 })), "{long:?}");
    }

    #[tokio::test]
    async fn the_first_part_knows_whether_it_is_the_only_one() {
        for (len, alone) in [(0, true), (1, true), (LEAST, true), (LEAST + 1, false)] {
            let (piece, all) = reader(vec![vec![7; len as usize]], None).read_first().await.unwrap();
            assert_eq!(all, alone, "{len} bytes");
            assert_eq!(piece.map_or(0, |piece| piece.len()), len.min(LEAST));
        }
    }

    #[tokio::test]
    async fn the_memory_is_reserved_before_anything_is_read() {
        let memory = Memory::new(LEAST);
        let taken = memory.reserve(LEAST).await;
        let polled = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let sink = Arc::clone(&polled);
        let items = stream::poll_fn(move |_| {
            sink.store(true, std::sync::atomic::Ordering::SeqCst);
            std::task::Poll::Ready(None::<Result<Bytes, std::io::Error>>)
        });
        let cut = Cut::new(None, Some(LEAST), memory.limit().max(LEAST)).unwrap();
        let mut reader = PieceReader::new(Body::from_stream(items, None), None, cut, memory, None);
        let mut read = std::pin::pin!(reader.read());
        assert!(futures_util::poll!(read.as_mut()).is_pending());
        assert!(!polled.load(std::sync::atomic::Ordering::SeqCst));
        drop(taken);
        assert!(read.await.unwrap().is_none());
        assert!(polled.load(std::sync::atomic::Ordering::SeqCst));
    }
}
