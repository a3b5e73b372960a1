//! Receives a body into the store, checking what OSS checks on the way.

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::body::Refusal;
use crate::core::Exchange;
use crate::encoding::{base64, base64_decode};
use crate::error::{ENTITY_TOO_LARGE, INVALID_DIGEST, MISSING_CONTENT_LENGTH, NOT_IMPLEMENTED, OssError};
use crate::store::{Checksums, Content};

/// Receives an object's or a part's bytes.
pub(crate) async fn content(exchange: &mut Exchange<'_>) -> Result<(Content, Checksums), Refusal> {
    let limit = exchange.core.config.limits.largest_put;
    check_framing(exchange, limit)?;
    let wanted = content_md5(exchange)?;
    let mut writer = exchange.core.store.writer(wanted.is_some()).await.map_err(Exchange::io)?;
    let mut received = 0_u64;
    while let Some(piece) = exchange.body.next(exchange.ticket).await? {
        received += piece.len() as u64;
        if received > limit {
            return Err(too_large(limit).into());
        }
        writer.write(&piece).await.map_err(Exchange::io)?;
    }
    let (content, checksums) = writer.finish().await.map_err(Exchange::io)?;
    if let (Some(wanted), Some(md5)) = (wanted, checksums.md5)
        && wanted != md5
    {
        return Err(mismatch(&wanted, &md5).into());
    }
    Ok((content, checksums))
}

/// Receives a small document whole.
pub(crate) async fn document(exchange: &mut Exchange<'_>, limit: usize) -> Result<Bytes, Refusal> {
    let wanted = content_md5(exchange)?;
    let body = exchange.body.collect(limit, exchange.ticket).await?;
    if let Some(wanted) = wanted {
        let md5: [u8; 16] = Md5::digest(&body).into();
        if md5 != wanted {
            return Err(mismatch(&wanted, &md5).into());
        }
    }
    Ok(body)
}

fn check_framing(exchange: &Exchange<'_>, limit: u64) -> Result<(), OssError> {
    let length = exchange.header("content-length")?;
    let encoding = exchange.header("content-encoding")?.unwrap_or_default();
    if encoding.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("aws-chunked")) {
        return Err(OssError::from(NOT_IMPLEMENTED)
            .saying("aws-chunked is an encoding of Amazon S3; OSS would store it as it is."));
    }
    match length {
        None if !exchange.parts.headers.contains_key("transfer-encoding") => {
            Err(MISSING_CONTENT_LENGTH.into())
        }
        Some(length) if length.parse::<u64>().is_ok_and(|length| length > limit) => Err(too_large(limit)),
        _ => Ok(()),
    }
}

fn too_large(limit: u64) -> OssError {
    OssError::from(ENTITY_TOO_LARGE).with("MaxSizeAllowed", limit.to_string())
}

fn content_md5(exchange: &Exchange<'_>) -> Result<Option<[u8; 16]>, OssError> {
    let Some(text) = exchange.header("content-md5")? else { return Ok(None) };
    let digest = base64_decode(text).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    match digest {
        Some(digest) => Ok(Some(digest)),
        None => Err(OssError::from(INVALID_DIGEST).ec("0017-00000502").with("Content-MD5", text)),
    }
}

fn mismatch(wanted: &[u8; 16], found: &[u8; 16]) -> OssError {
    OssError::from(INVALID_DIGEST)
        .saying("The Content-MD5 you specified did not match what we received.")
        .with("ClientDigest", base64(wanted))
        .with("ServerDigest", base64(found))
}
