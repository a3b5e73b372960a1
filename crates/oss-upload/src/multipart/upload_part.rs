use std::ops::Range;

use http::header::ETAG;
use http::{HeaderMap, Method};

use super::Multipart;
use crate::call::Payload;
use crate::error::Error;
use crate::operation::Operation;
use crate::progress::Meter;
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
        let answer = call.execute(self.ledger).await?;
        let etag = text(&answer.headers, &ETAG).filter(|etag| !etag.is_empty()).ok_or_else(|| {
            Error::MalformedAnswer { operation, reason: "it has no ETag, which Complete needs".into() }
        })?;
        Ok(SentPart { number, size: answer.sent, etag, crc64: answer.sent_crc64 })
    }
}
