//! Time and credentials: clocks that are wrong, tokens that expire on the way.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oss_emulator::{Fault, Operation};
use oss_signing::Credentials;
use oss_upload::{CredentialsError, Error, ProvideCredentials, Uploader};

use crate::common::bench::Bench;

#[tokio::test]
async fn clock_that_is_off_by_twenty_minutes_is_corrected() {
    for minutes in [20, -20] {
        let bench = Bench::new(vec![]).await;
        bench.world.emulator.set_clock_offset_millis(minutes * 60_000);
        bench.upload().await.unwrap();
        assert!(bench.is_over());
    }
}

#[tokio::test]
async fn clock_that_is_corrected_between_runs_does_not_hide_a_finished_upload() {
    let bench = Bench::new(vec![]).await;
    bench.world.emulator.set_clock_offset_millis(-20 * 60_000);
    bench.inject(Fault::on(Operation::CompleteMultipartUpload).times(1).drop_answer());
    bench.inject(Fault::on(Operation::HeadObject).always().answer(500, "InternalError"));
    bench.upload().await.unwrap_err();
    bench.world.emulator.clear_faults();
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.report.parts_sent, 0);
    assert!(bench.is_over());
}

/// Credentials whose refresh can fail, and that counts its refreshes.
#[derive(Debug, Default)]
struct Refreshing {
    asked: AtomicUsize,
    refreshed: AtomicUsize,
    fails_at: Option<usize>,
}

#[async_trait]
impl ProvideCredentials for Refreshing {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails_at == Some(asked) {
            return Err(CredentialsError::new("the token service does not answer"));
        }
        Ok(Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET))
    }

    async fn refused(&self, _: &Credentials) -> bool {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        true
    }
}

fn uploader(bench: &Bench, credentials: &Arc<Refreshing>) -> Uploader {
    let endpoint = bench.world.emulator.endpoint().parse().unwrap();
    let transport = Arc::new(bench.world.emulator.transport());
    let credentials: Arc<dyn ProvideCredentials> = Arc::clone(credentials) as _;
    let builder = Uploader::builder(endpoint, transport, credentials).checkpoints(Arc::clone(&bench.store));
    builder.region("cn-hangzhou".parse().unwrap()).build().unwrap()
}

#[tokio::test]
async fn token_that_expires_on_the_way_is_refreshed() {
    let bench = Bench::new(vec![Fault::on(Operation::UploadPart).part(5).expired_token()]).await;
    let credentials = Arc::new(Refreshing::default());
    bench.upload_by(&uploader(&bench, &credentials)).await.unwrap();
    assert_eq!(credentials.refreshed.load(Ordering::SeqCst), 1);
    assert!(bench.is_over());
}

#[tokio::test]
async fn refresh_that_fails_ends_the_run_and_the_next_goes_on() {
    let bench = Bench::new(vec![]).await;
    let credentials = Arc::new(Refreshing { fails_at: Some(6), ..Refreshing::default() });
    let upload = bench.upload_by(&uploader(&bench, &credentials)).concurrency(NonZeroUsize::MIN);
    assert!(matches!(upload.await.unwrap_err(), Error::Credentials(_)));
    let uploaded = bench.upload_by(&uploader(&bench, &credentials)).await.unwrap();
    assert_eq!(uploaded.report.parts_resumed, 5);
    assert!(bench.is_over() && bench.sent().values().all(|&times| times == 1));
}

/// An attempt may outlast the 15 minutes a signature is good for: OSS judges it when it begins, and no limit of ours
/// ends what moves.
#[tokio::test(start_paused = true)]
async fn attempt_of_more_than_a_quarter_of_an_hour_is_not_ended_while_it_moves() {
    let bench = Bench::new(vec![]).await;
    let rate = std::num::NonZeroU64::new(500).unwrap();
    let began = tokio::time::Instant::now();
    bench.upload_in_process(|builder| builder.bandwidth_limit(rate)).await.unwrap();
    assert!(bench.is_over());
    let taken = began.elapsed();
    let whole = Duration::from_secs(bench.data.len() as u64 / 500);
    assert!(taken + Duration::from_secs(30) > whole && taken < whole + Duration::from_secs(30), "{taken:?}");
}
