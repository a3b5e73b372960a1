//! Faults of CompleteMultipartUpload: stored once, called back at most once, and never in doubt for longer than needed.

use std::future::IntoFuture;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use oss_emulator::{Fault, FaultPoint, Operation};
use oss_signing::Credentials;
use oss_transport::{Transport as _, transport_fn};
use oss_upload::{CallbackOutcome, Crc64, Error, ObjectOptions, ObjectState};

use crate::common::bench::{Bench, KEY};
use crate::common::over;
use crate::journal::journal_line;

fn complete() -> FaultPoint {
    Fault::on(Operation::CompleteMultipartUpload)
}

fn completes(bench: &Bench) -> usize {
    bench.count(Operation::CompleteMultipartUpload)
}

#[tokio::test]
async fn answer_lost_after_success_is_found_by_looking() {
    let cut = [
        complete().drop_answer(),
        complete().reset_response_after(10),
        complete().reset_response_body_after(5),
    ];
    for fault in cut {
        let bench = Bench::new(vec![fault.clone()]).await;
        let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{fault:?}");
        assert_eq!(uploaded.object.crc64, Some(Crc64::of(&bench.data)));
        assert_eq!((completes(&bench), bench.world.received().await.len()), (1, 1), "{fault:?}");
        assert!(bench.is_over());
    }
}

#[tokio::test]
async fn five_hundred_after_success_is_found_by_looking() {
    let bench = Bench::new(vec![complete().answer_after_work(500, "InternalError")]).await;
    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
    assert_eq!((completes(&bench), bench.world.received().await.len()), (1, 1));
    assert!(bench.is_over());
}

#[tokio::test(start_paused = true)]
async fn success_after_the_time_limit_is_found_by_looking() {
    let bench = Bench::new(vec![complete().stall_answer()]).await;
    let uploaded = bench.upload_in_process(|builder| builder).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::NotRequested));
    assert!(bench.is_over());
    assert_eq!(completes(&bench), 1);
}

#[tokio::test(start_paused = true)]
async fn request_lost_is_sent_again_when_the_first_has_had_time_to_end() {
    for fault in
        [complete().reset_request_after(10), complete().answer_raw(502, "text/html", "<html></html>")]
    {
        let bench = Bench::new(vec![fault.clone()]).await;
        let began = tokio::time::Instant::now();
        bench.upload_in_process(|builder| builder).await.unwrap();
        assert!(began.elapsed().as_secs() >= 2, "{:?}", began.elapsed());
        assert_eq!(completes(&bench), 2, "{fault:?}");
        assert!(bench.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn request_that_is_always_lost_ends_in_an_unknown_outcome_and_can_be_resumed() {
    let bench = Bench::new(vec![complete().always().reset_request_after(10)]).await;
    let error = bench.upload_in_process(|builder| builder).await.unwrap_err();
    let id = bench.open_uploads().remove(0);
    assert!(matches!(&error, Error::OutcomeUnknown { reason, .. } if reason.contains(&id)), "{error:?}");
    assert_eq!(error.object_state(), ObjectState::Unknown);
    bench.world.emulator.clear_faults();
    let uploaded = bench.upload_in_process(|builder| builder).await.unwrap();
    assert_eq!((uploaded.report.parts_resumed, uploaded.report.parts_sent), (11, 0));
    assert!(bench.is_over());
}

/// What the journal says when the run is dropped with its Complete on the way.
async fn dropped_at_complete(bench: &Bench, callback: bool) {
    let mut upload = bench.upload_in_process(|builder| builder);
    if callback {
        upload = upload.callback(bench.world.callback("/ok"));
    }
    let written = async {
        loop {
            let journal = bench.directory.path().join("checkpoints");
            let files = std::fs::read_dir(journal).into_iter().flatten().flatten();
            if files
                .filter_map(|file| std::fs::read_to_string(file.path()).ok())
                .any(|it| it.contains("completing"))
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::select(upload.into_future(), Box::pin(written)).await;
}

#[tokio::test(start_paused = true)]
async fn complete_of_the_run_before_has_time_to_end_before_another_calls_back() {
    // OSS's clock is ahead of ours or behind it, by less than it minds.
    for (callback, minutes) in [(true, 0), (false, 0), (true, 10), (true, -10)] {
        let called = complete().attempt(2).answer_callback("application/json", "{}");
        let bench = Bench::new(vec![complete().attempt(1).stall(), called]).await;
        bench.world.emulator.set_clock_offset_millis(minutes * 60_000);
        dropped_at_complete(&bench, callback).await;
        bench.world.emulator.clear_faults();
        bench.inject(complete().answer_callback("application/json", "{}"));
        let began = tokio::time::Instant::now();
        let upload = bench.upload_in_process(|builder| builder).callback(bench.world.callback("/ok"));
        let uploaded = upload.await.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
        assert_eq!(uploaded.report.parts_resumed, 11);
        assert_eq!(began.elapsed().as_secs() >= 2, callback, "{minutes}: {:?}", began.elapsed());
        assert!(bench.is_over());
    }
}

/// Says in the journal that the Complete of the run before may take ten minutes by OSS's clock; forgets the parts.
fn completing_for_ten_minutes(bench: &Bench) {
    let now = bench.world.emulator.journal().last().unwrap().received_at;
    let until = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 600;
    let path = bench.journal();
    let mut lines = String::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let mut record: serde_json::Value = serde_json::from_str(&line[17..]).unwrap();
        match record["record"].as_str() {
            Some("part") => continue,
            Some("completing") => record["until"] = until.into(),
            _ => {}
        }
        lines += &journal_line(&record);
    }
    std::fs::write(path, lines).unwrap();
}

#[tokio::test(start_paused = true)]
async fn complete_of_the_run_before_is_waited_for_by_osss_clock_and_for_all_its_parts() {
    // The others are behind ours, by little and by much: by our clock there is nothing to wait for.
    for minutes in [0, -14, -20] {
        let bench = Bench::new(vec![complete().attempt(1).stall()]).await;
        bench.world.emulator.set_clock_offset_millis(minutes * 60_000);
        dropped_at_complete(&bench, true).await;
        bench.world.emulator.clear_faults();
        bench.inject(complete().answer_callback("application/json", "{}"));
        completing_for_ten_minutes(&bench);
        let began = tokio::time::Instant::now();
        let upload = bench.upload_in_process(|builder| builder).callback(bench.world.callback("/ok"));
        let uploaded = upload.await.unwrap();
        // Two seconds and 50 ms for each of the eleven parts, whether the journal knows them or not.
        assert!((2500..3500).contains(&began.elapsed().as_millis()), "{minutes}: {:?}", began.elapsed());
        assert_eq!(uploaded.report.parts_resumed, 11);
        assert!(bench.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_after_a_lost_complete_does_not_make_it_a_failure() {
    let faults = [
        complete().attempt(2).answer(403, "AccessDenied"),
        // A repair that fails.
        complete().attempt(2).invalid_part(4),
    ];
    for fault in faults {
        let repair = Fault::on(Operation::UploadPart).part(4).attempt(2).answer(404, "NoSuchUpload");
        let lost = complete().attempt(1).answer(500, "InternalError");
        let bench = Bench::new(vec![lost, fault.clone(), repair]).await;
        let error = bench.upload_in_process(|builder| builder).await.unwrap_err();
        let Error::OutcomeUnknown { lost, .. } = &error else { panic!("{fault:?}: {error:?}") };
        assert_eq!(lost.server().unwrap().code(), "InternalError");
        assert_eq!(bench.count(Operation::InitiateMultipartUpload), 1, "{fault:?}");
        assert_eq!((completes(&bench), bench.checkpoint_files()), (2, 1), "it can be gone on with");
    }
}

#[tokio::test(start_paused = true)]
async fn complete_that_was_refused_is_not_waited_for() {
    let bench = Bench::new(vec![complete().answer(403, "AccessDenied")]).await;
    let upload = || bench.upload_in_process(|builder| builder).callback(bench.world.callback("/ok"));
    upload().await.unwrap_err();
    bench.inject(complete().answer_callback("application/json", "{}"));
    let began = tokio::time::Instant::now();
    upload().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 0);
    assert!(bench.is_over());
}

#[tokio::test(start_paused = true)]
async fn complete_that_nobody_may_look_after_is_unknown() {
    for head in [403, 404] {
        let bench = Bench::new(vec![
            complete().always().answer(504, "GatewayTimeout"),
            Fault::on(Operation::ListParts).always().answer(403, "AccessDenied"),
            Fault::on(Operation::HeadObject).always().answer(head, "AccessDenied"),
        ])
        .await;
        let error = bench.upload_in_process(|builder| builder).await.unwrap_err();
        assert_eq!(error.object_state(), ObjectState::Unknown, "{error:?}");
        assert_eq!(bench.checkpoint_files(), 1, "it can be gone on with");
    }
}

#[tokio::test]
async fn part_that_oss_does_not_accept_is_sent_again() {
    for fault in [complete().invalid_part(4), complete().lose_part(4), complete().overwrite_part(4, "other")]
    {
        let bench = Bench::new(vec![fault.clone()]).await;
        let most = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&most);
        let upload = bench.upload().on_progress(move |progress| {
            told.fetch_max(progress.transferred, Ordering::Relaxed);
        });
        let uploaded = upload.callback(bench.world.callback("/ok")).await.unwrap();
        assert_eq!(most.load(Ordering::Relaxed), bench.data.len() as u64, "never more than there are");
        assert_eq!((uploaded.report.parts_resent, completes(&bench)), (1, 2), "{fault:?}");
        assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
        assert_eq!(bench.world.received().await.len(), 1);
        assert!(bench.is_over());
    }
}

#[tokio::test]
async fn part_that_oss_never_accepts_ends_the_run() {
    let bench = Bench::new(vec![complete().always().invalid_part(4)]).await;
    let error = bench.upload().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "InvalidPart");
    assert_eq!(completes(&bench), 4, "the first and three repairs");
    assert_eq!(bench.sent()[&4], 4);
}

#[tokio::test]
async fn failed_callback_is_told_whatever_its_message_and_the_checkpoint_is_closed() {
    for (message, status) in [
        ("Get image info failed.", None),
        ("Too many callback requests.", None),
        ("Cost too long time.", None),
        ("Response body is not valid json format.", None),
        ("Error status : 502.", Some(502)),
        ("Error status : -1.OSS can not connect to your callbackUrl, please check it.", Some(-1)),
    ] {
        let bench = Bench::new(vec![complete().fail_callback(message, "0007-00000203")]).await;
        let error = bench.upload().callback(bench.world.callback("/ok")).await.unwrap_err();
        let failed = error.callback_failed().unwrap();
        assert_eq!((failed.failure.message.as_str(), failed.failure.application_status), (message, status));
        assert_eq!(failed.object().crc64, Some(Crc64::of(&bench.data)));
        assert!(bench.is_over() && completes(&bench) == 1);
    }
}

#[tokio::test]
async fn callback_answer_that_is_not_json_is_handed_over_as_it_is() {
    for body in ["<html>ok</html>", "<Error><Code>Mine</Code></Error>", ""] {
        let bench = Bench::new(vec![complete().answer_callback("text/html", body)]).await;
        let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
        let CallbackOutcome::Answered(answer) = &uploaded.callback else { panic!("{:?}", uploaded.callback) };
        assert_eq!(answer.body, body.as_bytes());
        assert!(answer.json::<u8>().is_err());
        assert!(bench.is_over());
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_with_an_error_body_is_no_success() {
    let bench = Bench::new(vec![complete().answer(200, "InternalError")]).await;
    bench.upload_in_process(|builder| builder).await.unwrap();
    assert_eq!(completes(&bench), 2);
    assert!(bench.is_over());

    let bench = Bench::new(vec![complete().always().answer(200, "InternalError")]).await;
    let error = bench.upload_in_process(|builder| builder).await.unwrap_err();
    assert_eq!(error.object_state(), ObjectState::Unknown);
    assert!(!bench.is_stored() && bench.open_uploads().len() == 1);
}

#[tokio::test(start_paused = true)]
async fn upload_that_is_gone_after_a_lost_complete_is_not_sent_anew() {
    let faults = vec![
        complete().attempt(1).answer(500, "InternalError"),
        complete().attempt(2).answer(404, "NoSuchUpload"),
    ];
    let bench = Bench::new(faults).await;
    let error = bench.upload_in_process(|builder| builder).await.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!((bench.count(Operation::InitiateMultipartUpload), completes(&bench)), (1, 2));
}

#[tokio::test]
async fn file_already_exists_is_our_own_object_if_the_upload_is_gone() {
    let bench = Bench::new(vec![complete().answer_after_work(409, "FileAlreadyExists")]).await;
    let upload = bench.upload().options(ObjectOptions::new().forbid_overwrite());
    let uploaded = upload.callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
    assert!(bench.is_over());
}

#[tokio::test]
async fn file_already_exists_is_an_error_if_the_object_is_another() {
    let refused = Fault::on(Operation::UploadPart).part(7).times(1).answer(403, "AccessDenied");
    let bench = Bench::new(vec![refused]).await;
    let upload = || bench.upload().options(ObjectOptions::new().forbid_overwrite());
    upload().await.unwrap_err();
    // Another program is quicker.
    bench.world.uploader().put_object(crate::common::bucket(), KEY, &b"another"[..]).await.unwrap();
    let error = upload().await.unwrap_err();
    assert_eq!(error.server().unwrap().code(), "FileAlreadyExists");
    assert_eq!(bench.world.object(KEY).unwrap().body, &b"another"[..]);
    // The upload waits for whoever makes room.
    bench.world.uploader().delete_object(crate::common::bucket(), KEY).await.unwrap();
    let uploaded = upload().await;
    assert_eq!(uploaded.unwrap().report.parts_resumed, 11);
    assert!(bench.is_over());
}

#[tokio::test]
async fn wrong_checksum_of_the_whole_is_an_error_and_the_checkpoint_is_closed() {
    let bench = Bench::new(vec![complete().wrong_crc()]).await;
    let error = bench.upload().await.unwrap_err();
    assert!(matches!(error, Error::Corrupted { .. }), "{error:?}");
    assert_eq!((error.object_state(), bench.checkpoint_files()), (ObjectState::Stored, 0));
}

#[tokio::test(start_paused = true)]
async fn looking_and_giving_up_say_who_pays() {
    let bench = Bench::new(vec![complete().answer_after_work(500, "InternalError")]).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sink, inner) = (Arc::clone(&told), Arc::new(bench.world.emulator.transport()));
    let transport = transport_fn(move |request: oss_transport::Request| {
        let pays = request.headers().contains_key("x-oss-request-payer");
        sink.lock().unwrap().push((request.method().clone(), pays));
        let inner = Arc::clone(&inner);
        async move { inner.send(request).await }
    });
    let credentials =
        Credentials::new(oss_emulator::DEFAULT_ACCESS_KEY_ID, oss_emulator::DEFAULT_ACCESS_KEY_SECRET);
    let uploader = over(bench.world.emulator.endpoint(), Arc::new(transport), credentials)
        .checkpoints(Arc::clone(&bench.store))
        .build()
        .unwrap();
    let upload = || bench.upload_by(&uploader).options(ObjectOptions::new().requester_pays());
    upload().await.unwrap();
    bench.inject(complete().answer(403, "AccessDenied"));
    upload().await.unwrap_err();
    upload().abort().await.unwrap();
    let told = told.lock().unwrap();
    for method in [http::Method::HEAD, http::Method::DELETE] {
        assert!(told.iter().any(|(it, _)| *it == method), "{method}");
    }
    assert!(told.iter().all(|(_, pays)| *pays), "{told:?}");
}

#[tokio::test]
async fn missing_checksum_of_the_whole_is_no_failure() {
    let bench = Bench::new(vec![complete().missing_crc()]).await;
    let uploaded = bench.upload().await.unwrap();
    assert_eq!(uploaded.object.crc64, None);
    assert!(bench.is_over());
}

#[tokio::test]
async fn changed_callback_is_honoured_on_resume() {
    let bench = Bench::interrupted().await;
    let uploaded = bench.upload().callback(bench.world.callback("/ok")).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Answered(_)));
    assert_eq!(uploaded.report.parts_resumed, 6);
}
