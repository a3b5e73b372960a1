use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::journal::Journal;
use super::piece::{Piece, Supply};
use super::run::{Run, Upload};
use crate::error::Error;
use crate::multipart::SentPart;
use crate::progress::{Meter, Tally};

/// What a turn of the sending loop brought.
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
enum Turn<'a> {
    /// The next part is ready, or there is none.
    Next(Result<Option<(Piece<'a>, Supply<'a>)>, Error>),
    /// A part was sent.
    Sent(Option<Result<SentPart, Error>>),
}

impl Run<'_> {
    /// Sends the parts of the supply side by side and writes them down as OSS acknowledges them.
    ///
    /// Sending and writing go on beside each other: a slow disk does not hold up the parts under way.
    pub(crate) async fn send(
        &self,
        supply: Supply<'_>,
        upload: &mut Upload,
        journal: &mut Journal,
    ) -> Result<(), Error> {
        let (told, heard) = unbounded_channel();
        let sending = pin!(self.send_supply(supply, upload, told));
        let writing = pin!(journal.write_down(heard));
        match select(sending, writing).await {
            Either::Left((sent, writing)) => {
                // Also after a failure: what OSS has acknowledged need not be sent again.
                let written = writing.await;
                sent.and(written)
            }
            Either::Right((Err(error), _)) => Err(error),
            Either::Right((Ok(()), sending)) => sending.await,
        }
    }

    async fn send_supply(
        &self,
        supply: Supply<'_>,
        upload: &mut Upload,
        told: UnboundedSender<SentPart>,
    ) -> Result<(), Error> {
        let id = upload.id.clone();
        let mut next = Some(Box::pin(supply.take()));
        let mut running = FuturesUnordered::new();
        loop {
            let turn = match &mut next {
                Some(next) if running.is_empty() => Turn::Next(next.await),
                Some(next) if running.len() < self.concurrency => match select(next, running.next()).await {
                    Either::Left((taken, _)) => Turn::Next(taken),
                    Either::Right((sent, _)) => Turn::Sent(sent),
                },
                _ => Turn::Sent(running.next().await),
            };
            match turn {
                Turn::Next(taken) => {
                    next = None;
                    if let Some((piece, supply)) = taken? {
                        running.push(self.send_piece(&id, piece));
                        next = Some(Box::pin(supply.take()));
                    }
                }
                Turn::Sent(Some(part)) => {
                    let part = part?;
                    // Nobody listens if the journal has failed, and then this future is dropped.
                    let _ = told.send(part.clone());
                    upload.parts.insert(part.number, part);
                }
                Turn::Sent(None) => return Ok(()),
            }
        }
    }

    /// Sends one part, a second time if it is late and the user wants that. Its memory is held until OSS has it.
    async fn send_piece(&self, upload_id: &str, piece: Piece<'_>) -> Result<SentPart, Error> {
        let meter = self.tally.as_ref().map(Tally::meter);
        let Some(hedges) = self.hedges else { return self.send_once(upload_id, &piece, meter).await };
        let first = self.send_once(upload_id, &piece, meter.clone());
        let second = || async {
            let _memory = self.engine.memory.reserve(piece.second_memory()).await;
            self.send_once(upload_id, &piece, meter.clone()).await
        };
        hedges.race(piece.len(), self.gate, first, second).await
    }

    async fn send_once(
        &self,
        upload_id: &str,
        piece: &Piece<'_>,
        meter: Option<Meter>,
    ) -> Result<SentPart, Error> {
        let (source, range) = piece.source();
        let headers = self.transfer.clone();
        self.multipart().upload_part(upload_id, piece.number, source, range, headers, meter).await
    }
}
