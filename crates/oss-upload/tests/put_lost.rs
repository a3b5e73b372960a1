//! A put whose answer is lost: whether it is sent again, whether the object is looked for, and what is said of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where its set-up fails")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::bucket;
use common::scripted::{
    CONTENT, DENIED, EXISTS, Step, Then, answer, before_now, calls_back, crc, end, found, found_at,
    found_other, id, played, put, refused, stored,
};
use http::Method;
use oss_signing::Credentials;
use oss_transport::{Request, transport_fn};
use oss_upload::{
    CallbackOutcome, Crc64, Error, ObjectOptions, ObjectState, Phase, PutObject, TimeLimits, Uploader,
};
use tokio::time::Instant;

#[tokio::test]
async fn a_repetition_that_fails_does_not_make_a_lost_answer_a_failure() {
    for last in [Step::NoConnection, refused(403, DENIED), Step::Lost] {
        let steps = [Step::Lost, last.clone(), last.clone()];
        let (result, _) = end(steps, |put| put).await;
        let error = result.unwrap_err();
        assert_eq!(error.object_state(), ObjectState::Unknown, "{last:?}: {error:?}");
    }
    // The same if bytes were stored that are not those sent.
    let wrong = Step::Answer(200, vec![("x-oss-hash-crc64ecma", "7".into()), id()], "", Then::End);
    let (result, _) = end([wrong, refused(403, DENIED)], |put| put).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
    // And what never arrived stays what it was.
    let (result, seen) = end([Step::NoConnection, refused(403, DENIED)], |put| put).await;
    assert_eq!((result.unwrap_err().object_state(), seen.len()), (ObjectState::NotStored, 2));
}

#[tokio::test(start_paused = true)]
async fn the_age_of_an_object_is_told_by_the_servers_clock() {
    const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    for hours in [-5, -1, 1, 5] {
        // The server's clock is so many hours behind ours.
        let there = hours * 3600;
        let skewed = Step::Answer(403, vec![id(), ("date", before_now(there))], SKEWED, Then::End);
        let (result, seen) = end([skewed, Step::Lost, found_at(there, 0)], calls_back).await;
        let uploaded = result.unwrap();
        assert!(matches!(uploaded.callback, CallbackOutcome::Unknown), "{hours}");
        assert_eq!(seen, [Method::PUT, Method::PUT, Method::HEAD], "{hours}");
    }
    // The clock is corrected once, and not from an answer that does not tell the time.
    for (date, requests) in [("Thu, 01 Jan 2026 00:00:00 GMT", 2), ("yesterday", 1)] {
        let skewed = || Step::Answer(403, vec![id(), ("date", date.into())], SKEWED, Then::End);
        let (result, seen) = end([skewed(), skewed()], calls_back).await;
        assert_eq!(result.unwrap_err().server().unwrap().code(), "RequestTimeTooSkewed");
        assert_eq!(seen.len(), requests, "{date}");
    }
    // One that is off by less than OSS minds is never corrected, and needs not be.
    for behind in [-800, 800] {
        let (result, seen) = end([Step::Lost, found_at(behind, 0)], calls_back).await;
        assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown), "{behind}");
        assert_eq!(seen, [Method::PUT, Method::HEAD], "{behind}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_of_a_put_before_are_not_taken_for_this_one() {
    // Other metadata, or other callback variables: what was asked for now would be lost.
    for ago in [20, 300, 3600] {
        let there = || found(ago);
        let (result, seen) = end([Step::Lost, there(), there(), stored()], calls_back).await;
        assert!(matches!(result.unwrap().callback, CallbackOutcome::Answered(_)), "{ago}");
        assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD, Method::PUT], "{ago}");

        let once = |put: PutObject| put.options(ObjectOptions::new().forbid_overwrite());
        let (result, _) = end([Step::Lost, there(), there(), refused(409, EXISTS), there()], once).await;
        let error = result.unwrap_err();
        assert_eq!(error.server().map(|refusal| refusal.code()), Some("FileAlreadyExists"), "{error:?}");
    }
    // Without OSS's clock there is only this machine's, which may be off by as much as OSS bears.
    for (ago, is_its_own) in [(300, true), (1200, false)] {
        let Step::Answer(status, mut headers, text, then) = found(ago) else { panic!() };
        headers.pop();
        let there = || Step::Answer(status, headers.clone(), text, then);
        let (result, _) = end([Step::Lost, there(), there(), stored()], calls_back).await;
        assert_eq!(matches!(result.unwrap().callback, CallbackOutcome::Unknown), is_its_own, "{ago}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_have_replaced_the_one_that_was_sent_is_left_alone() {
    let (result, seen) = end([Step::Lost, found_other(0)], calls_back).await;
    let Err(Error::OutcomeUnknown { reason, .. }) = result else { panic!("{result:?}") };
    assert!(reason.contains("other bytes"), "{reason}");
    assert_eq!(seen, [Method::PUT, Method::HEAD]);
    // Also if it comes between the two looks.
    let (result, seen) = end([Step::Lost, refused(404, ""), found_other(0)], calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
    assert_eq!(seen.len(), 3);
    // And if it is in the way of the repetition.
    let once = |put: PutObject| put.options(ObjectOptions::new().forbid_overwrite());
    let absent = || refused(404, "");
    let steps = [Step::Lost, absent(), absent(), refused(409, EXISTS), found_other(0)];
    let (result, _) = end(steps, once).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_same_size_is_not_taken_for_the_one_that_was_sent() {
    let Step::Answer(_, mut longer, ..) = found(300) else { panic!() };
    longer[2].1 = "1000".into();
    let longer = Step::Answer(200, longer, "", Then::End);
    for other in [found_other(300), longer] {
        let (result, seen) = end([Step::Lost, other.clone(), other, stored()], calls_back).await;
        assert!(matches!(result.unwrap().callback, CallbackOutcome::Answered(_)));
        assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD, Method::PUT]);
    }
    // One that does not tell its checksum proves nothing.
    let Step::Answer(_, headers, ..) = found(0) else { panic!() };
    let silent = Step::Answer(200, headers[1..].to_vec(), "", Then::End);
    let (result, _) = end([Step::Lost, silent], calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn an_object_stored_while_a_long_put_went_on_is_its_own() {
    // Two hours on the way, of which the wall clock of this test knows nothing.
    let transport = transport_fn(|request: Request| async move {
        let head = request.method() == Method::HEAD;
        request.into_body().read_to_end(usize::MAX).await?;
        if !head {
            tokio::time::sleep(Duration::from_secs(7200)).await; // Paused time.
        }
        answer(if head { found(3600) } else { Step::Lost })
    });
    let mut limits = TimeLimits::default();
    limits.first_byte = None;
    let endpoint = "http://oss-cn-hangzhou.aliyuncs.com".parse().unwrap();
    let uploader =
        Uploader::builder(endpoint, Arc::new(transport), Arc::new(Credentials::new("id", "secret")));
    let uploader = uploader.time_limits(limits).build().unwrap();
    let uploaded = calls_back(put(&uploader)).await.unwrap();
    assert!(matches!(uploaded.callback, CallbackOutcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_404_of_somebody_else_is_no_proof_that_the_object_is_not_there() {
    let stranger = Step::Answer(404, vec![], "", Then::End);
    let (result, seen) = end([Step::Lost, stranger], calls_back).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(seen, [Method::PUT, Method::HEAD]);
    let (result, seen) = end([Step::Lost, refused(404, ""), refused(404, ""), stored()], calls_back).await;
    result.unwrap();
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD, Method::PUT]);
}

#[tokio::test(start_paused = true)]
async fn a_200_of_somebody_else_says_nothing_of_the_object() {
    let page = || {
        let headers = vec![("content-length", "1000".into()), ("etag", "\"5f-1\"".into())];
        Step::Answer(200, headers, "", Then::End)
    };
    let (result, seen) = end([Step::Lost, page(), page(), page()], calls_back).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD, Method::HEAD]);
}

#[tokio::test(start_paused = true)]
async fn the_policy_decides_also_when_the_object_was_looked_for() {
    let absent = || refused(404, "");
    let lost = || [Step::Lost, absent(), absent()];
    let steps = [lost(), lost(), lost()].into_iter().flatten();
    let (result, seen) = end(steps, calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
    assert_eq!(seen.iter().filter(|method| *method == Method::PUT).count(), 3, "as the policy has it");
    // Attempts before the look count.
    let steps = [Step::NoConnection, Step::NoConnection, Step::Lost, absent(), absent()];
    let (result, seen) = end(steps, calls_back).await;
    assert!(matches!(result, Err(Error::OutcomeUnknown { .. })), "{result:?}");
    assert_eq!(seen.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_object_in_the_way_is_looked_at_if_it_may_be_this_puts_own() {
    let once = |put: PutObject| put.options(ObjectOptions::new().forbid_overwrite());
    let lost = [Step::Lost, refused(404, ""), refused(404, "")];
    let steps = lost.clone().into_iter().chain([refused(409, EXISTS), found(0)]);
    let (result, seen) = end(steps, once).await;
    assert_eq!(result.unwrap().object.crc64, Some(Crc64::of(CONTENT.as_bytes())));
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD, Method::PUT, Method::HEAD]);

    let steps = lost.into_iter().chain([refused(409, EXISTS), found(3600)]);
    let (result, _) = end(steps, once).await;
    let error = result.unwrap_err();
    assert_eq!(error.server().map(|refusal| refusal.code()), Some("FileAlreadyExists"), "{error:?}");

    // Who may not look cannot know either.
    let (result, _) = end([Step::Lost, refused(409, EXISTS)], |put| once(put).resend_when_unsure()).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_repetition_does_not_make_a_lost_put_a_failure() {
    let absent = || refused(404, "");
    for last in [refused(403, DENIED), refused(400, ""), Step::Answer(409, vec![id()], "", Then::End)] {
        let (result, seen) = end([Step::Lost, absent(), absent(), last.clone()], calls_back).await;
        let error = result.unwrap_err();
        assert_eq!(error.object_state(), ObjectState::Unknown, "{last:?}: {error:?}");
        let Error::OutcomeUnknown { lost, .. } = error else { panic!("{error:?}") };
        assert!(matches!(*lost, Error::Transport { .. }), "the lost answer is kept: {lost:?}");
        assert_eq!(seen.len(), 4);
    }
    // Somebody else's object is in the way, and nobody may look at it.
    let once = |put: PutObject| put.options(ObjectOptions::new().forbid_overwrite());
    let steps = [Step::Lost, absent(), absent(), refused(409, EXISTS), refused(403, DENIED)];
    let (result, _) = end(steps, once).await;
    assert_eq!(result.unwrap_err().object_state(), ObjectState::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_still_under_way_when_it_is_looked_for_is_not_sent_again() {
    let began = Instant::now();
    let (result, seen) = end([Step::Lost, refused(404, ""), found(0)], calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown));
    assert_eq!(seen, [Method::PUT, Method::HEAD, Method::HEAD]);
    assert_eq!(began.elapsed().as_secs(), 2);
    // Also where the policy has the put not repeated.
    let steps = [Step::NoConnection, Step::NoConnection, Step::Lost, refused(404, ""), found(0)];
    let (result, _) = end(steps, calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_put_was_lost_is_not_reported_as_consumed() {
    let stream = || oss_upload::StreamSource::from_reader(CONTENT.as_bytes(), Some(CONTENT.len() as u64));
    for (steps, callback) in
        [(vec![Step::Lost, refused(404, ""), refused(404, "")], true), (vec![Step::Lost], false)]
    {
        let (uploader, _) = played(steps);
        let mut put = uploader.put_object(bucket(), "k", stream());
        if callback {
            put = calls_back(put);
        }
        let error = put.await.unwrap_err();
        assert!(!matches!(error, Error::Source(_)), "{error:?}");
        assert_eq!(error.object_state(), ObjectState::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_in_its_text_after_a_success_is_looked_after() {
    let step = Step::Answer(200, vec![crc(), id()], "{", Then::Stall);
    let (result, seen) = end([step, found(0)], calls_back).await;
    assert!(matches!(result.unwrap().callback, CallbackOutcome::Unknown));
    assert_eq!(seen, [Method::PUT, Method::HEAD]);
    let step = Step::Answer(200, vec![crc(), id()], "{", Then::Stall);
    let (result, _) = end([step, refused(403, DENIED)], calls_back).await;
    let Err(Error::OutcomeUnknown { lost, reason, .. }) = result else { panic!("{result:?}") };
    assert!(matches!(*lost, Error::TimedOut { phase: Phase::ReceiveIdle, .. }), "{lost:?}");
    assert!(reason.contains("AccessDenied"), "{reason}");
}
