//! The reqwest transport keeps the contract it documents.
#![cfg(all(feature = "reqwest", feature = "conformance"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use oss_transport::{ReqwestTransport, conformance};

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

#[tokio::test]
async fn the_reqwest_transport_conforms() {
    conformance::run(transport).await.into_result().unwrap();
}
