use std::ops::Range;
use std::time::Duration;

use super::run::Run;
use crate::body::next_data;
use crate::crc64::Crc64;
use crate::error::Error;
use crate::limits::{Phase, within};
use crate::operation::Operation;
use crate::source::SourceError;

impl Run<'_> {
    /// Reads a range of the source for its CRC-64 alone, which `operation` needs to know.
    pub(crate) async fn local_crc64(&self, operation: Operation, range: Range<u64>) -> Result<u64, Error> {
        let idle = self.engine.wire.limits.source_idle;
        let mut body = source_within(operation, idle, self.source.open(range)).await??;
        let mut crc = Crc64::new();
        while let Some(data) = source_within(operation, idle, next_data(&mut body)).await? {
            crc.update(&data.map_err(SourceError::from_body)?);
        }
        Ok(crc.value())
    }
}

/// Waits for the source, but no longer than the limit.
pub(super) async fn source_within<T>(
    operation: Operation,
    limit: Option<Duration>,
    step: impl Future<Output = T>,
) -> Result<T, Error> {
    within(limit, step).await.map_err(|limit| Error::TimedOut { operation, phase: Phase::SourceIdle, limit })
}
