use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderMap, Method};
use oss_signing::{BucketName, ObjectKey};

use crate::call::{Call, Ledger};
use crate::error::Error;
use crate::operation::Operation;
use crate::options;
use crate::uploader::Engine;

/// Deletes an object; one that does not exist counts as deleted. Awaiting it does it.
///
/// # Errors
///
/// Any refusal of OSS.
///
/// # Cancellation
///
/// If the future is dropped, the object may or may not be deleted.
#[derive(Debug)]
#[must_use = "nothing is deleted until it is awaited"]
pub struct DeleteObject {
    engine: Arc<Engine>,
    bucket: BucketName,
    key: String,
    /// Who pays.
    common: HeaderMap,
}

impl DeleteObject {
    pub(crate) fn new(engine: Arc<Engine>, bucket: BucketName, key: String) -> Self {
        Self { engine, bucket, key, common: HeaderMap::new() }
    }

    /// Declares that the requester pays (`x-oss-request-payer: requester`).
    pub fn requester_pays(mut self) -> Self {
        self.common = options::requester_pays();
        self
    }

    async fn send(self) -> Result<(), Error> {
        let key = ObjectKey::try_from(self.key)?;
        let operation = Operation::DeleteObject;
        let mut call = Call::new(&self.engine, operation, Method::DELETE, &self.bucket, Some(&key));
        call.headers = self.common;
        call.execute(&Ledger::default()).await.map(drop)
    }
}

impl IntoFuture for DeleteObject {
    type Output = Result<(), Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
