//! `Content-MD5`, for whoever wants OSS to check the content before it stores it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use md5::{Digest, Md5};
use oss_transport::Body;

use crate::body::next_data;
use crate::error::Error;
use crate::flow::Flow;
use crate::source::SourceError;

/// Whether a request says the MD5 of its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ContentMd5 {
    #[default]
    Unsaid,
    Given([u8; 16]),
    /// The source is read once more for it.
    Computed,
}

/// Reads a body to its end for its MD5. Each chunk is a movement of the flow.
pub(crate) async fn digest(mut body: Body, flow: &Flow) -> Result<[u8; 16], SourceError> {
    let mut md5 = Md5::new();
    while let Some(data) = next_data(&mut body).await {
        md5.update(&data.map_err(SourceError::from_body)?);
        flow.touch();
        // A hash of 256 KiB takes half a millisecond, and the source may always be ready.
        tokio::task::yield_now().await;
    }
    Ok(md5.finalize().into())
}

/// The header's value: the digest in base64.
pub(crate) fn value(digest: [u8; 16]) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(STANDARD.encode(digest))
        .map_err(|_| Error::invalid("content_md5", "cannot be written into a header"))
}
