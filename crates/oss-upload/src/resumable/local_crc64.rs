use std::ops::Range;

use super::run::Run;
use crate::body::next_data;
use crate::crc64::Crc64;
use crate::error::Error;
use crate::source::SourceError;

impl Run<'_> {
    /// Reads a range of the source for its CRC-64 alone.
    pub(crate) async fn local_crc64(&self, range: Range<u64>) -> Result<u64, Error> {
        let mut body = self.source.open(range).await?;
        let mut crc = Crc64::new();
        while let Some(data) = next_data(&mut body).await {
            crc.update(&data.map_err(SourceError::from_body)?);
        }
        Ok(crc.value())
    }
}
