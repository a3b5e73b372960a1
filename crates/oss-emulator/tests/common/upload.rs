//! A multipart upload, as the requests that it takes.

use bytes::Bytes;
use oss_emulator::Emulator;

use super::{Call, call};

/// An upload that was initiated.
#[derive(Clone)]
pub(crate) struct Upload {
    key: String,
    pub(crate) id: String,
}

impl Upload {
    pub(crate) async fn initiate(emulator: &Emulator, key: &str) -> Self {
        Self::initiate_with(emulator, key, "uploads").await
    }

    /// Initiates with a query of its own.
    pub(crate) async fn initiate_with(emulator: &Emulator, key: &str, query: &str) -> Self {
        let initiated = call("POST", key).query(query).send(emulator).await;
        assert_eq!(initiated.status, 200, "{}", initiated.text());
        Self { key: key.to_owned(), id: initiated.element("UploadId").to_owned() }
    }

    pub(crate) fn part(&self, number: impl std::fmt::Display, body: impl Into<Bytes>) -> Call {
        call("PUT", &self.key).query(format!("partNumber={number}&uploadId={}", self.id)).body(body)
    }

    pub(crate) fn list(&self) -> Call {
        self.list_with("")
    }

    /// Lists with more in its query, such as `&max-parts=1`.
    pub(crate) fn list_with(&self, more: &str) -> Call {
        call("GET", &self.key).query(format!("uploadId={}{more}", self.id))
    }

    pub(crate) fn abort(&self) -> Call {
        call("DELETE", &self.key).query(format!("uploadId={}", self.id))
    }

    /// Completes with these parts.
    pub(crate) fn complete(&self, parts: &[(u32, &str)]) -> Call {
        let list: String = parts
            .iter()
            .map(|(number, etag)| {
                format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
            })
            .collect();
        self.complete_with(format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>"))
    }

    /// Completes with any document.
    pub(crate) fn complete_with(&self, document: impl Into<Bytes>) -> Call {
        call("POST", &self.key).query(format!("uploadId={}", self.id)).body(document)
    }

    /// Completes with every part that has arrived.
    pub(crate) fn complete_all(&self) -> Call {
        self.complete_with("").header("x-oss-complete-all", "yes")
    }
}
