use http::Method;
use serde::Deserialize;

use super::{Multipart, read_xml};
use crate::error::Error;
use crate::operation::Operation;

/// A part OSS says it has.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListedPart {
    #[serde(rename = "PartNumber")]
    pub(crate) number: u16,
    pub(crate) size: u64,
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    #[serde(rename = "HashCrc64ecma")]
    pub(crate) crc64: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListPartsResult {
    #[serde(default)]
    is_truncated: bool,
    next_part_number_marker: Option<u32>,
    #[serde(default, rename = "Part")]
    parts: Vec<ListedPart>,
}

impl Multipart<'_> {
    /// Lists all parts of the upload, page by page.
    pub(crate) async fn list_parts(&self, upload_id: &str) -> Result<Vec<ListedPart>, Error> {
        let operation = Operation::ListParts;
        let mut parts: Vec<ListedPart> = Vec::new();
        let mut marker = 0u32;
        loop {
            let after = marker.to_string();
            let query =
                [("max-parts", "1000"), ("part-number-marker", after.as_str()), ("uploadId", upload_id)];
            let call = Multipart::call(self, operation, Method::GET, &query);
            let answer = call.execute(self.ledger).await?;
            let page: ListPartsResult = read_xml(operation, &answer)?;
            parts.extend(page.parts);
            if !page.is_truncated {
                return Ok(parts);
            }
            // A marker that stands still would turn the listing into a loop without end.
            marker = match page.next_part_number_marker {
                Some(next) if next > marker => next,
                _ => {
                    let reason = format!("it is truncated at part {marker} and does not say where to go on");
                    return Err(Error::MalformedAnswer { operation, reason });
                }
            };
        }
    }
}
