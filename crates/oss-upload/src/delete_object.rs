use http::Method;
use oss_signing::{BucketName, ObjectKey};

use crate::call::{Call, Ledger};
use crate::error::Error;
use crate::operation::Operation;
use crate::uploader::Engine;

pub(crate) async fn delete_object(
    engine: &Engine,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<(), Error> {
    let call = Call::new(engine, Operation::DeleteObject, Method::DELETE, bucket, Some(key));
    call.execute(&Ledger::default()).await.map(drop)
}
