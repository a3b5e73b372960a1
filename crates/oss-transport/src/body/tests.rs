use std::convert::Infallible;
use std::error::Error as _;

use futures_executor::block_on;
use futures_util::stream;
use proptest::prelude::*;

use super::*;

fn chunks(sizes: &[usize]) -> Vec<Result<Bytes, Infallible>> {
    sizes.iter().map(|size| Ok(Bytes::from(vec![b'x'; *size]))).collect()
}

fn streamed(sizes: &[usize], len: Option<u64>) -> Body {
    Body::from_stream(stream::iter(chunks(sizes)), len)
}

fn body_error(error: &TransportError) -> &BodyError {
    error.source().unwrap().downcast_ref().unwrap()
}

/// Reads frame by frame and gives what came before the end or the error.
fn drain(mut body: Body) -> (u64, Option<TransportError>) {
    block_on(async {
        let mut given = 0;
        loop {
            match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                Some(Ok(frame)) => given += frame.data_ref().unwrap().len() as u64,
                Some(Err(error)) => return (given, Some(error)),
                None => return (given, None),
            }
        }
    })
}

fn is_send_and_sync<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn a_body_can_be_held_across_threads() {
    is_send_and_sync::<Body>();
    is_send_and_sync::<TransportError>();
}

#[test]
fn bytes_have_a_length_and_come_back_uncopied() {
    let bytes = Bytes::from(vec![7; 1000]);
    let body = Body::from(bytes.clone());
    assert_eq!(body.exact_len(), Some(1000));
    let read = block_on(body.read_to_end(1000)).unwrap();
    assert_eq!(read.as_ptr(), bytes.as_ptr());
}

#[test]
fn every_way_to_make_an_empty_body_is_at_its_end() {
    for body in
        [Body::empty(), Body::from(""), Body::from(Vec::new()), Body::from(Bytes::new()), Body::default()]
    {
        assert!(body.is_end_stream());
        assert_eq!(body.exact_len(), Some(0));
        assert!(block_on(body.read_to_end(0)).unwrap().is_empty());
    }
}

#[test]
fn the_length_falls_while_the_body_is_read() {
    let mut body = streamed(&[3, 4], Some(7));
    block_on(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
    assert_eq!(body.exact_len(), Some(4));
    block_on(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
    assert_eq!(body.exact_len(), Some(0));
    assert!(body.is_end_stream());
}

#[test]
fn a_short_source_is_an_error_that_counts() {
    let (given, error) = drain(streamed(&[3, 4], Some(8)));
    assert_eq!(given, 7);
    assert_eq!(*body_error(&error.unwrap()), BodyError::TooShort { declared: 8, actual: 7 });
}

#[test]
fn a_long_source_never_completes_its_declared_length() {
    for sizes in [&[3, 4, 1][..], &[3, 5], &[8], &[3, 4, 0, 1]] {
        let (given, error) = drain(streamed(sizes, Some(7)));
        assert!(given < 7, "{sizes:?} gave {given}");
        assert_eq!(*body_error(&error.unwrap()), BodyError::TooLong { declared: 7 });
    }
}

#[test]
fn a_declared_length_of_nothing_is_enforced_too() {
    assert!(drain(streamed(&[], Some(0))).1.is_none());
    let body = streamed(&[1], Some(0));
    assert!(!body.is_end_stream(), "only the source can confirm its end");
    assert_eq!(*body_error(&drain(body).1.unwrap()), BodyError::TooLong { declared: 0 });
}

#[test]
fn the_error_of_the_source_is_the_source_of_the_error() {
    let failing = stream::iter([Ok(Bytes::from("a")), Err(std::io::Error::other("disk gone"))]);
    let (given, error) = drain(Body::from_stream(failing, Some(10)));
    let error = error.unwrap();
    assert_eq!(given, 1);
    assert_eq!(error.kind(), TransportErrorKind::Body);
    let source = error.into_source().downcast::<std::io::Error>().unwrap();
    assert_eq!(source.to_string(), "disk gone");
}

#[test]
fn a_body_ends_after_its_first_error() {
    let mut body = Body::from_stream(stream::repeat_with(|| Err(std::io::Error::other("again"))), None);
    block_on(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap_err();
    assert!(block_on(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).is_none());
}

#[test]
fn the_cap_is_checked_before_reading_where_the_length_is_known() {
    let never = stream::pending::<Result<Bytes, Infallible>>();
    let error = block_on(Body::from_stream(never, Some(11)).read_to_end(10)).unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::TooLarge);
    assert_eq!(*body_error(&error), BodyError::OverLimit { limit: 10, at_least: 11 });
}

#[test]
fn the_cap_stops_an_endless_body() {
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[0; 4])));
    let error = block_on(Body::from_stream(endless, None).read_to_end(10)).unwrap_err();
    assert_eq!(*body_error(&error), BodyError::OverLimit { limit: 10, at_least: 12 });
}

#[test]
fn a_wrapped_body_keeps_an_inexact_hint() {
    let unknown = Body::wrap(streamed(&[5], None));
    assert_eq!(unknown.exact_len(), None);
    assert_eq!(block_on(unknown.read_to_end(5)).unwrap().len(), 5);
    assert_eq!(Body::wrap(Body::from("12345")).exact_len(), Some(5));
}

proptest! {
    #[test]
    fn a_body_gives_its_declared_bytes_or_an_error(
        sizes in proptest::collection::vec(0usize..9, 0..12),
        declared in 0u64..60,
    ) {
        let total = sizes.iter().sum::<usize>() as u64;
        let (given, error) = drain(streamed(&sizes, Some(declared)));
        prop_assert_eq!(error.is_none(), total == declared);
        if total <= declared {
            prop_assert_eq!(given, total);
        } else {
            prop_assert!(given < declared || declared == 0 && given == 0);
        }
    }

    #[test]
    fn reading_joins_the_chunks(sizes in proptest::collection::vec(0usize..9, 0..12), slack in 0usize..3) {
        let total = sizes.iter().sum::<usize>();
        let read = block_on(streamed(&sizes, None).read_to_end(total + slack)).unwrap();
        prop_assert_eq!(read.len(), total);
        if total > 0 {
            prop_assert!(block_on(streamed(&sizes, None).read_to_end(total - 1)).is_err());
        }
    }
}
