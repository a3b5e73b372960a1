use std::ops::Range;

use http::header::ETAG;
use http::{HeaderMap, Method};
use tokio::time::Instant;

use super::Multipart;
use crate::call::Payload;
use crate::error::Error;
use crate::operation::Operation;
use crate::progress::Meter;
use crate::retry::Failure;
use crate::source::Source;
use crate::uploaded::text;

/// A part OSS has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SentPart {
    pub(crate) number: u16,
    pub(crate) size: u64,
    /// As OSS wrote it, quotes included; Complete sends it back.
    pub(crate) etag: String,
    /// Of the bytes sent, and equal to OSS's.
    pub(crate) crc64: u64,
}

impl Multipart<'_> {
    /// Sends the bytes of `range` as part `number`. Sending a part again replaces it, so a lost answer is repeated.
    pub(crate) async fn upload_part(
        &self,
        upload_id: &str,
        number: u16,
        source: &dyn Source,
        range: Range<u64>,
        headers: HeaderMap,
        meter: Option<Meter>,
    ) -> Result<SentPart, Error> {
        let operation = Operation::UploadPart(number);
        let part_number = number.to_string();
        let query = [("partNumber", part_number.as_str()), ("uploadId", upload_id)];
        let mut call = Multipart::call(self, operation, Method::PUT, &query);
        call.headers.extend(headers);
        call.payload = Payload::Source { source, range };
        call.meter = meter;
        call.gate = self.gate;
        let (started, mut attempts) = (Instant::now(), 0);
        loop {
            attempts += 1;
            let answer = call.execute(self.ledger).await?;
            if let Some(etag) = text(&answer.headers, &ETAG).filter(|etag| !etag.is_empty()) {
                return Ok(SentPart { number, size: answer.sent, etag, crc64: answer.sent_crc64 });
            }
            let reason = "it has no ETag, which Complete needs".to_owned();
            let error = Error::MalformedAnswer { operation, reason };
            let failure = Failure { operation, attempts, elapsed: started.elapsed(), error: &error };
            let Some(wait) = self.engine.wire.retry.wait(&failure) else { return Err(error) };
            tokio::time::sleep(wait).await;
        }
    }
}
