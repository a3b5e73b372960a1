use std::ops::Range;
use std::pin::Pin;

use http_body::Body as _;

use super::run::Run;
use crate::crc64::Crc64;
use crate::error::Error;
use crate::source::SourceError;

impl Run<'_> {
    /// Reads a range of the source for its CRC-64 alone.
    pub(crate) async fn local_crc64(&self, range: Range<u64>) -> Result<u64, Error> {
        let mut body = self.source.open(range).await?;
        let mut crc = Crc64::new();
        while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let frame = frame.map_err(SourceError::from_body)?;
            if let Ok(data) = frame.into_data() {
                crc.update(&data);
            }
        }
        Ok(crc.value())
    }
}
