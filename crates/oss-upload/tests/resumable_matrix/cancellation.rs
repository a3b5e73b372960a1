//! Dropping the future at any await: no task, no lock, no memory is left, and the upload can be resumed.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oss_emulator::{Fault, Operation};
use oss_upload::{Progress, Stage, StreamSource};

use crate::common::bench::{Bench, PART};
use crate::common::{World, bucket, pattern, polled};

#[tokio::test]
async fn stream_dropped_at_any_poll_gives_its_memory_back_and_leaves_only_its_upload() {
    let world = World::new().await;
    let data = pattern(4 * PART as usize);
    // Room for two parts: one that is not given back would soon stop everything.
    let uploader = world.builder().memory_limit(256 * 1024).build().unwrap();
    let upload = |key: String| {
        let chunks: Vec<_> =
            data.chunks(40_000).map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect();
        let content = StreamSource::new(stream::iter(chunks).boxed(), None);
        uploader.resumable_upload(bucket(), key, content).part_size(PART)
    };
    for polls in 1.. {
        let ended = polled(upload(format!("k{polls}")).into_future(), polls).await.is_some();
        upload(format!("after{polls}")).await.unwrap();
        assert_eq!(world.object(&format!("after{polls}")).unwrap().body, data, "after {polls} polls");
        assert!(world.emulator.uploads(crate::common::BUCKET).len() <= polls);
        if ended {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn hedged_part_wins_over_one_that_hangs_and_both_carry_the_same_bytes() {
    let bench = Bench::new(vec![Fault::on(Operation::UploadPart).part(11).attempt(1).stall_answer()]).await;
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&told);
    let upload = bench.upload_in_process(|builder| builder).hedge_slow_parts(1);
    let began = tokio::time::Instant::now();
    let uploaded = upload.on_progress(move |progress| sink.lock().unwrap().push(progress)).await.unwrap();
    assert!(
        began.elapsed().as_secs() < 10,
        "the time limit of 60 s was not waited for: {:?}",
        began.elapsed()
    );
    assert_eq!((uploaded.report.parts_sent, uploaded.report.parts_resent), (11, 1));
    assert!(bench.is_over());
    let told = told.lock().unwrap();
    assert!(told.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred));
    assert!(told.iter().all(|progress| progress.transferred <= bench.data.len() as u64));
    assert_eq!(told.last().unwrap().stage, Stage::Stored);
}

#[tokio::test(start_paused = true)]
async fn hedged_upload_dropped_at_any_poll_is_resumed() {
    for polls in 1.. {
        let bench =
            Bench::new(vec![Fault::on(Operation::UploadPart).part(11).attempt(1).stall_answer()]).await;
        let upload = bench.upload_in_process(|builder| builder).hedge_slow_parts(1);
        let ended = polled(upload.into_future(), polls).await.is_some();
        bench.world.emulator.clear_faults();
        bench.upload_in_process(|builder| builder).await.unwrap();
        assert!(bench.is_stored() && bench.checkpoint_files() == 0, "after {polls} polls");
        if ended {
            return;
        }
    }
}

#[tokio::test]
async fn progress_of_an_upload_that_starts_anew_never_goes_back_nor_beyond_the_end() {
    let bench = Bench::interrupted().await;
    bench.inject(Fault::on(Operation::UploadPart).part(9).times(1).answer(404, "NoSuchUpload"));
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let sink = Arc::clone(&told);
    bench.upload().on_progress(move |progress| sink.lock().unwrap().push(progress)).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!((told[0].resumed, told[0].transferred), (6 * PART, 6 * PART));
    assert!(told.windows(2).all(|pair| pair[0].transferred <= pair[1].transferred));
    assert_eq!(told.iter().map(|progress| progress.transferred).max(), Some(bench.data.len() as u64));
    assert!(told.iter().any(|progress| progress.stage == Stage::Completing));
    assert_eq!(told.last().unwrap().resumed, 0, "nothing of the earlier run was used in the end");
}
