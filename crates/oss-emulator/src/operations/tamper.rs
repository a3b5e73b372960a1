//! What faults change in an upload before an operation works on it.

use std::sync::Arc;
use std::time::SystemTime;

use crate::body::Refusal;
use crate::core::{Core, Exchange};
use crate::fault::Tampering;
use crate::store::{Part, Record};

/// Tampers with the upload that the request names.
pub(crate) async fn run(exchange: &mut Exchange<'_>) -> Result<(), Refusal> {
    for tampering in std::mem::take(&mut exchange.faulty.tampering) {
        let (bucket, key) = (exchange.bucket.to_owned(), exchange.key.to_owned());
        let id = exchange.upload_id().to_owned();
        let record = match tampering {
            Tampering::Lose(number) => Record::PartLost { bucket, key, id, number },
            Tampering::Overwrite(number, body) => {
                let part = Arc::new(part(exchange.core, &body, exchange.now).await?);
                Record::PartPut { bucket, key, id, number, part }
            }
        };
        exchange.core.store.lock().apply(record)?;
    }
    Ok(())
}

async fn part(core: &Core, body: &[u8], modified: SystemTime) -> Result<Part, Refusal> {
    let mut writer = core.store.writer(false).await.map_err(Exchange::io)?;
    writer.write(body).await.map_err(Exchange::io)?;
    let (content, checksums) = writer.finish().await.map_err(Exchange::io)?;
    Ok(Part { content, etag: checksums.etag(), crc64: Some(checksums.crc64), md5: checksums.md5, modified })
}
