use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::read_xml;
use crate::call::{Call, Ledger};
use crate::error::Error;
use crate::operation::Operation;
use crate::uploader::Engine;
use oss_signing::BucketName;

/// A multipart upload OSS says is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedUpload {
    pub(crate) key: String,
    pub(crate) upload_id: String,
    /// When it began, as OSS wrote it (ISO 8601, UTC).
    pub(crate) initiated: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListMultipartUploadsResult {
    encoding_type: Option<String>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: String,
    #[serde(default)]
    next_upload_id_marker: String,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    #[serde(default)]
    initiated: String,
}

/// Lists the open uploads whose keys begin with `prefix`, page by page.
pub(crate) async fn list_uploads(
    engine: &Engine,
    ledger: &Ledger,
    bucket: &BucketName,
    prefix: &str,
    common: &HeaderMap,
) -> Result<Vec<ListedUpload>, Error> {
    let operation = Operation::ListMultipartUploads;
    let (mut found, mut key_marker, mut id_marker) = (Vec::new(), String::new(), String::new());
    loop {
        // Without url encoding a key with a control character would make the answer no XML.
        let query = [
            ("encoding-type", "url"),
            ("key-marker", key_marker.as_str()),
            ("max-uploads", "1000"),
            ("prefix", prefix),
            ("upload-id-marker", id_marker.as_str()),
            ("uploads", ""),
        ];
        let mut call = Call::new(engine, operation, Method::GET, bucket, None);
        call.query = &query;
        call.headers = common.clone();
        let answer = call.execute(ledger).await?;
        let page: ListMultipartUploadsResult = read_xml(operation, &answer)?;
        let encoded = page.encoding_type.as_deref() == Some("url");
        for Upload { key, upload_id, initiated } in page.uploads {
            found.push(ListedUpload { key: decoded(encoded, key), upload_id, initiated });
        }
        if !page.is_truncated {
            return Ok(found);
        }
        let next = (decoded(encoded, page.next_key_marker), page.next_upload_id_marker);
        // A marker that does not move would turn the listing into a loop without end.
        if next <= (key_marker.clone(), id_marker.clone()) {
            let reason = format!("it is truncated at {key_marker:?} and does not say where to go on");
            return Err(Error::MalformedAnswer { operation, reason });
        }
        (key_marker, id_marker) = next;
    }
}

/// `encoding-type=url` is form encoding: a plus is a space.
fn decoded(encoded: bool, text: String) -> String {
    if !encoded {
        return text;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
