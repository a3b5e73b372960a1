//! The reqwest transport keeps the contract it documents.
#![cfg(all(feature = "reqwest", feature = "conformance"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use oss_transport::{ReqwestTransport, conformance};

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().system_proxy(false).build().unwrap()
}

#[tokio::test]
async fn the_reqwest_transport_conforms() {
    let report = conformance::run(transport).await.into_result().unwrap();
    let names = report.outcomes().iter().map(|outcome| outcome.name()).collect::<Vec<_>>();
    let unique = names.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(unique.len(), names.len(), "two cases share a name: {names:?}");
    assert_eq!(report.failures().count(), 0);
    assert!(report.to_string().contains("0 failed"), "{report}");
}

#[test]
fn a_report_of_nothing_is_no_pass() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = conformance::Settings::default().only("no such case");
    assert!(!runtime.block_on(settings.run(transport)).passed());
}

/// The largest body OSS takes in one request.
#[tokio::test]
#[ignore = "moves 5 GB; run it with --release -- --ignored"]
async fn five_gigabytes_go_through_bounded_buffers() {
    let settings = conformance::Settings::default().large_body(5 << 30).only("scale/large-body");
    settings.case_limit(Duration::from_secs(600)).run(transport).await.into_result().unwrap();
}
