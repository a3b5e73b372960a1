//! The requests a multipart upload is made of, one a file.

mod abort;
mod complete;
mod initiate;
mod list_parts;
mod list_uploads;
mod upload_part;

use http::HeaderMap;
use oss_signing::{BucketName, ObjectKey};
use serde::de::DeserializeOwned;

use crate::call::{Answer, Call, Ledger};
use crate::error::Error;
use crate::gate::Gate;
use crate::operation::Operation;
use crate::uploader::Engine;

pub(crate) use self::abort::abort_upload;
pub(crate) use self::complete::{Completed, read_completed};
pub(crate) use self::list_parts::ListedPart;
pub(crate) use self::list_uploads::{ListedUpload, list_uploads};
pub(crate) use self::upload_part::SentPart;

/// The object a multipart upload is for, and who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multipart<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) ledger: &'a Ledger,
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    /// Headers every request needs: who pays.
    pub(crate) common: &'a HeaderMap,
    /// What every request with a part must pass.
    pub(crate) gate: Option<&'a Gate>,
}

impl<'a> Multipart<'a> {
    fn call(&self, operation: Operation, method: http::Method, query: &'a [(&'a str, &'a str)]) -> Call<'a> {
        let mut call = Call::new(self.engine, operation, method, self.bucket, Some(self.key));
        call.query = query;
        call.headers = self.common.clone();
        call
    }
}

/// Reads an answer's XML; OSS's element names are those of the struct's fields.
fn read_xml<T: DeserializeOwned>(operation: Operation, answer: &Answer) -> Result<T, Error> {
    let malformed = |reason: String| Error::MalformedAnswer { operation, reason };
    let text = std::str::from_utf8(&answer.body).map_err(|_| malformed("its XML is not UTF-8".into()))?;
    quick_xml::de::from_str(text).map_err(|error| malformed(format!("its XML cannot be read: {error}")))
}

/// OSS documentation, "Multipart upload": part numbers are 1 to 10,000.
pub(crate) const MAX_PARTS: u16 = 10_000;
