//! A checkpoint that is a lease: it is renewed whatever is waited for, and who loses it ends.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use oss_emulator::{Fault, FaultPoint, Operation};
use oss_upload::{
    Checkpoint, CheckpointError, CheckpointId, CheckpointStore, Durability, Error, MemoryCheckpoints,
    NoRetry, ObjectOptions, ObjectState, Record, Recorded, ResumableUpload,
};

use crate::common::bench::{Bench, KEY};
use crate::common::bucket;
use crate::journal::{Failing, failing};

#[tokio::test]
async fn lost_lease_ends_the_run_without_completing() {
    for fail_from in [2, 5, 13] {
        let bench = Bench::new(vec![]).await;
        let error = bench.upload().checkpoints(failing(fail_from, true)).await.unwrap_err();
        assert!(matches!(error, Error::Checkpoint(CheckpointError::Lost { .. })), "{error:?}");
        assert_eq!(bench.count(Operation::CompleteMultipartUpload), 0);
        assert_eq!(bench.open_uploads().len(), 1, "the other holder goes on with it");
    }
}

/// Counts the calls of `upkeep`, and lets the lease pass to another at the third.
#[derive(Debug, Default)]
struct Leased {
    inner: MemoryCheckpoints,
    renewals: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Lease {
    inner: Box<dyn Checkpoint>,
    renewals: Arc<AtomicUsize>,
}

#[async_trait]
impl CheckpointStore for Leased {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        let (inner, renewals) = (self.inner.open(id).await?, Arc::clone(&self.renewals));
        Ok(Box::new(Lease { inner, renewals }))
    }
}

#[async_trait]
impl Checkpoint for Lease {
    fn recorded(&mut self) -> Recorded {
        self.inner.recorded()
    }

    async fn append(&mut self, record: &Record, durability: Durability) -> Result<(), CheckpointError> {
        self.inner.append(record, durability).await
    }

    async fn clear(&mut self) -> Result<(), CheckpointError> {
        self.inner.clear().await
    }

    async fn upkeep(&mut self) -> Result<Duration, CheckpointError> {
        match self.renewals.fetch_add(1, Ordering::SeqCst) {
            2.. => Err(CheckpointError::lost("another machine")),
            _ => Ok(Duration::from_secs(20)),
        }
    }
}

/// What the runs before have left when the lease is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// An upload that goes on, with six parts.
    Parts,
    /// An upload whose id was never heard.
    Intent,
    /// An upload that is gone.
    Gone,
}

impl Before {
    async fn leave(self, bench: &Bench, store: &MemoryCheckpoints) {
        let run = |fault| async {
            bench.inject(fault);
            let store = Arc::new(store.clone());
            let upload = bench.upload_in_process(|builder| builder.retry(Arc::new(NoRetry)));
            upload.checkpoints(Some(store)).concurrency(NonZeroUsize::MIN).await.unwrap_err();
            bench.world.emulator.clear_faults();
        };
        match self {
            Before::Nothing => {}
            Before::Intent => run(Fault::on(Operation::InitiateMultipartUpload).drop_answer()).await,
            Before::Parts | Before::Gone => {
                run(Fault::on(Operation::UploadPart).part(7).answer(403, "AccessDenied")).await;
            }
        }
        if self == Before::Gone {
            let id = bench.open_uploads().remove(0);
            let upload = bench.world.uploader().multipart_upload(bucket(), KEY, id).unwrap();
            upload.abort().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lease_is_renewed_whatever_oss_is_waited_for() {
    for (before, operation) in [
        (Before::Nothing, Operation::InitiateMultipartUpload),
        (Before::Nothing, Operation::UploadPart),
        (Before::Nothing, Operation::CompleteMultipartUpload),
        (Before::Parts, Operation::ListParts),
        (Before::Gone, Operation::HeadObject),
        (Before::Intent, Operation::ListMultipartUploads),
    ] {
        let bench = Bench::new(vec![]).await;
        let store = MemoryCheckpoints::new();
        before.leave(&bench, &store).await;
        let error = bench.lease_lost_at(&store, Fault::on(operation), |upload| upload).await;
        assert_eq!(error.object_state(), ObjectState::Unknown, "the other holder goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn lease_is_renewed_while_lost_uploads_are_looked_for_and_earlier_ones_given_up() {
    // The answer to the first Initiate is lost, so the run looks for its upload.
    let bench = Bench::new(vec![Fault::on(Operation::InitiateMultipartUpload).times(1).drop_answer()]).await;
    let store = MemoryCheckpoints::new();
    bench.lease_lost_at(&store, Fault::on(Operation::ListMultipartUploads), |upload| upload).await;

    let bench = Bench::new(vec![]).await;
    Before::Parts.leave(&bench, &store).await;
    let options = ObjectOptions::new().metadata("author", "me");
    let abort = Fault::on(Operation::AbortMultipartUpload);
    bench.lease_lost_at(&store, abort, |upload| upload.options(options)).await;
}

impl Bench {
    /// Runs an upload whose lease passes to another while OSS does not answer this request.
    async fn lease_lost_at(
        &self,
        store: &MemoryCheckpoints,
        point: FaultPoint,
        change: impl FnOnce(ResumableUpload) -> ResumableUpload,
    ) -> Error {
        let fault = point.always().stall_answer();
        self.inject(fault.clone());
        let leased = Leased { inner: store.clone(), renewals: Arc::default() };
        let renewals = Arc::clone(&leased.renewals);
        let upload = self.upload_in_process(|builder| builder).checkpoints(Some(Arc::new(leased)));
        let began = tokio::time::Instant::now();
        let error = change(upload).await.unwrap_err();
        assert!(matches!(error, Error::Checkpoint(CheckpointError::Lost { .. })), "{fault:?}: {error:?}");
        assert_eq!(renewals.load(Ordering::SeqCst), 3, "{fault:?}");
        assert!((20..=40).contains(&began.elapsed().as_secs()), "{fault:?}: {:?}", began.elapsed());
        error
    }
}

#[tokio::test(start_paused = true)]
async fn lease_is_renewed_while_an_upload_is_given_up_by_its_checkpoint() {
    let bench = Bench::new(vec![]).await;
    let store = MemoryCheckpoints::new();
    Before::Parts.leave(&bench, &store).await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).always().stall_answer());
    let leased = Leased { inner: store, renewals: Arc::default() };
    let upload = bench.upload_in_process(|builder| builder).checkpoints(Some(Arc::new(leased)));
    let error = upload.abort().await.unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Lost { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn lease_is_renewed_while_one_put_takes_the_place_of_an_upload_given_up() {
    let mut bench = Bench::new(vec![]).await;
    let store = MemoryCheckpoints::new();
    Before::Parts.leave(&bench, &store).await;
    bench.data.truncate(10);
    std::fs::write(bench.file(), &bench.data).unwrap();
    let error = bench.lease_lost_at(&store, Fault::on(Operation::PutObject), |upload| upload).await;
    assert_eq!(error.object_state(), ObjectState::Unknown);
}

/// Renews its lease as it should, and cannot write the id of a new upload down.
#[tokio::test(start_paused = true)]
async fn upload_whose_id_cannot_be_written_down_is_aborted_by_whoever_loses_the_lease_too() {
    let bench = Bench::new(vec![]).await;
    bench.inject(Fault::on(Operation::AbortMultipartUpload).times(1).stall_answer());
    let leased = Leased { inner: MemoryCheckpoints::new(), renewals: Arc::default() };
    let renewals = Arc::clone(&leased.renewals);
    let store = Failing { inner: Arc::new(leased), fail_from: 1, lost: false, appends: Arc::default() };
    let upload = bench.upload_in_process(|builder| builder).checkpoints(Some(Arc::new(store)));
    let error = upload.await.unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::Failed(_))), "{error:?}");
    assert_eq!(renewals.load(Ordering::SeqCst), 3);
    assert!(bench.open_uploads().is_empty());
}

/// Held by another for so long.
#[derive(Debug)]
struct Busy {
    inner: MemoryCheckpoints,
    until: tokio::time::Instant,
}

#[async_trait]
impl CheckpointStore for Busy {
    async fn open(&self, id: &CheckpointId) -> Result<Box<dyn Checkpoint>, CheckpointError> {
        match tokio::time::Instant::now() < self.until {
            true => Err(CheckpointError::locked("another upload")),
            false => self.inner.open(id).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_put_waits_for_another_upload_that_holds_the_checkpoint_for_a_moment() {
    for (held, stored) in [(400, true), (5_000, false)] {
        let bench = Bench::new(vec![]).await;
        let began = tokio::time::Instant::now();
        let until = began + Duration::from_millis(held);
        let store = Busy { inner: MemoryCheckpoints::new(), until };
        let upload = bench.upload_in_process(|builder| builder).checkpoints(Some(Arc::new(store)));
        let ended = upload.single_put_limit(u64::MAX).await;
        assert!((400..700).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
        assert_eq!(bench.is_stored(), stored, "{ended:?}");
        if !stored {
            let error = ended.unwrap_err();
            assert!(matches!(error, Error::Checkpoint(CheckpointError::Locked { .. })), "{error:?}");
        }
    }
}
