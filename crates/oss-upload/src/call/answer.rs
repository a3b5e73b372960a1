use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::DATE;
use http::{HeaderMap, StatusCode};
use oss_transport::{Body, Response};

use super::{Call, Payload};
use crate::body::next_data;
use crate::error::{Error, stores_object};
use crate::flow::Flow;
use crate::limits::Phase;
use crate::server_error::{ServerError, is_error_document};
use crate::uploaded::{HASH_CRC64, REQUEST_ID, crc64};

/// An answer with a 2xx status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The URL asked for, without its query, which may hold a signature.
    pub(crate) location: String,
    /// CRC-64 of the request body.
    pub(crate) sent_crc64: u64,
    /// Bytes of the request body.
    pub(crate) sent: u64,
}

impl Call<'_> {
    pub(super) async fn receive(
        &self,
        flow: &Flow,
        response: Response,
        location: String,
    ) -> Result<Answer, Error> {
        let all_sent = flow.is_sent();
        flow.enter(Phase::ReceiveIdle);
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status, parts.headers);
        self.hear_date(&headers);
        let mut whole = BytesMut::new();
        let broken = {
            let read = pin!(self.read(flow, body, &mut whole));
            self.while_moving(flow, read).await.err()
        };
        let body = whole.freeze();
        if !status.is_success() {
            // A refusal is told also if its text broke off; the status decides.
            return Err(ServerError::from_answer(self.operation, status, &headers, &body).into());
        }
        if !all_sent {
            return Err(
                self.malformed(format!("status {} came before the whole body was sent", status.as_u16()))
            );
        }
        match broken {
            // So is a failed callback: to ask again would be to call again.
            Some(error) if status != StatusCode::NON_AUTHORITATIVE_INFORMATION => return Err(error),
            _ => {}
        }
        self.check(status, &headers, &body)?;
        let (sent_crc64, sent) = (flow.crc64(), flow.sent());
        if let (Payload::Source { .. }, Some(actual)) = (&self.payload, crc64(&headers))
            && actual != sent_crc64
        {
            return Err(Error::Corrupted { operation: self.operation, expected: sent_crc64, actual });
        }
        Ok(Answer { status, headers, body, location, sent_crc64, sent })
    }

    /// Learns OSS's time, if it is OSS that has answered.
    fn hear_date(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).filter(|_| headers.contains_key(&REQUEST_ID));
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok()) {
            self.wire.clock.hear(date);
        }
    }

    /// Whether this is OSS's word that the request was carried out.
    fn check(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Result<(), Error> {
        let has_crc64 = headers.contains_key(&HASH_CRC64);
        if has_crc64 && crc64(headers).is_none() {
            return Err(self.malformed(format!(
                "its {HASH_CRC64} is not a number, so the bytes stored cannot be checked"
            )));
        }
        // An object that exists has a checksum; without one, an error document is OSS's own and not the application
        // server's answer.
        let text = std::str::from_utf8(body).unwrap_or_default();
        if stores_object(self.operation) && status == StatusCode::OK && !has_crc64 && is_error_document(text)
        {
            return Err(ServerError::from_answer(self.operation, status, headers, body).into());
        }
        // A login page of a hotel's network has status 200 too, and an ETag if its server serves files.
        if !has_crc64 && !headers.contains_key(&REQUEST_ID) {
            return Err(self.malformed(format!("it has no {REQUEST_ID}, so something else has answered")));
        }
        Ok(())
    }

    fn malformed(&self, reason: impl Into<String>) -> Error {
        Error::MalformedAnswer { operation: self.operation, reason: reason.into() }
    }

    /// Reads the body into `whole`, which has what came also if it breaks off.
    async fn read(&self, flow: &Flow, mut body: Body, whole: &mut BytesMut) -> Result<(), Error> {
        while let Some(data) = next_data(&mut body).await {
            let data = data.map_err(|source| Error::Transport { operation: self.operation, source })?;
            flow.touch();
            if whole.len() + data.len() > ANSWER_LIMIT {
                return Err(self.malformed(format!("it is longer than {ANSWER_LIMIT} bytes")));
            }
            whole.extend_from_slice(&data);
        }
        Ok(())
    }
}

/// An application server may answer at most 3 MB by OSS's page on callbacks, and a listing of 1,000 parts has less
/// than 1 MB.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;
