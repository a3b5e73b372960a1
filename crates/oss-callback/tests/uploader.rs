//! What the uploader may say, what is refused before anything is sent, and the three encodings.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be built is a failed test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oss_callback::{
    BodyTemplate, BodyType, Callback, CallbackBuilder, CallbackError, Custom, FormTemplate, UrlError,
    Variable,
};

fn builder() -> CallbackBuilder {
    Callback::builder("http://app.example/cb")
}

fn json(callback: &Callback) -> serde_json::Value {
    serde_json::from_slice(&STANDARD.decode(callback.encode().callback()).unwrap()).unwrap()
}

fn refusal(builder: CallbackBuilder) -> (CallbackError, Option<&'static str>) {
    let error = builder.build().unwrap_err();
    let ec = error.ec();
    (error, ec)
}

/// The documented sample of the reference SDK.
#[test]
fn the_sample_of_the_reference_sdk_is_encoded_as_that_sdk_does() {
    let callback = Callback::builder("http://oss-demo.aliyuncs.com:23450")
        .query("user", "put_object")
        .body("bucket=${bucket}&object=${object}")
        .build()
        .unwrap();
    let text = String::from_utf8(STANDARD.decode(callback.encode().callback()).unwrap()).unwrap();
    assert_eq!(
        text,
        "{\"callbackUrl\":\"http://oss-demo.aliyuncs.com:23450?user=put_object\",\
         \"callbackBody\":\"bucket=${bucket}&object=${object}\",\
         \"callbackBodyType\":\"application/x-www-form-urlencoded\"}"
    );
    assert_eq!(callback.encode().callback_var(), None);
}

#[test]
fn one_value_has_three_encodings() {
    let template =
        BodyTemplate::form().field("u", Custom::new("uid", "4 2")).field("o", Custom::new("order_id", "ü"));
    let callback = builder().body(template).build().unwrap();
    let encoded = callback.encode();
    let var = encoded.callback_var().unwrap();
    assert_eq!(STANDARD.decode(var).unwrap(), "{\"x:uid\":\"4 2\",\"x:order_id\":\"ü\"}".as_bytes());

    let headers: Vec<_> = encoded.headers().collect();
    assert_eq!(headers.len(), 2);
    assert_eq!(
        (headers[0].0.as_str(), headers[0].1.as_bytes()),
        ("x-oss-callback", encoded.callback().as_bytes())
    );
    assert_eq!((headers[1].0.as_str(), headers[1].1.as_bytes()), ("x-oss-callback-var", var.as_bytes()));
    assert!(headers.iter().all(|(_, value)| value.is_sensitive()));

    let pairs: Vec<_> = encoded.query_pairs().collect();
    assert_eq!(pairs, [("callback", encoded.callback()), ("callback-var", var)]);

    let fields: Vec<_> = encoded.form_fields().collect();
    assert_eq!(fields, [("callback", encoded.callback()), ("x:uid", "4 2"), ("x:order_id", "ü")]);
}

#[test]
fn sni_is_on_for_https_and_unsaid_for_http() {
    let sni =
        |builder: CallbackBuilder| json(&builder.body("a").build().unwrap()).get("callbackSNI").cloned();
    assert_eq!(sni(builder()), None);
    assert_eq!(sni(builder().also_url("https://b.example")), Some(true.into()));
    assert_eq!(sni(Callback::builder("https://b.example").sni(false)), Some(false.into()));
    assert_eq!(sni(builder().sni(true)), Some(true.into()));
}

#[test]
fn five_urls_are_taken_in_order_and_six_are_not() {
    let mut five = builder();
    for number in 2..=5 {
        five = five.also_url(format!("http://{number}.app.example/cb"));
    }
    let five = five.query("t", "a b").body("a");
    let callback = five.clone().build().unwrap();
    let urls: Vec<_> =
        json(&callback)["callbackUrl"].as_str().unwrap().split(';').map(str::to_owned).collect();
    assert_eq!(urls[0], "http://app.example/cb?t=a+b");
    assert_eq!(urls[4], "http://5.app.example/cb?t=a+b");
    assert_eq!(callback.request_targets(), ["/cb?t=a+b"; 5]);
    let six = five.also_url("http://6.app.example/cb");
    assert_eq!(refusal(six), (CallbackError::TooManyUrls { count: 6 }, Some("0007-00000005")));
}

#[test]
fn the_error_says_which_url() {
    let (error, ec) = refusal(builder().also_url("http://b.example/?x=1").body("a"));
    assert_eq!(error, CallbackError::Url { position: 2, reason: UrlError::Query });
    assert_eq!(error.to_string(), "callback URL number 2 is refused");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "query parameters should not appear in the URL: give them with `query`");
    assert_eq!(ec, Some("0007-00000004"));
    let (_, ec) = refusal(Callback::builder("http://127.0.0.1/").body("a"));
    assert_eq!(ec, Some("0007-00000008"));
    let local = Callback::builder("http://127.0.0.1:8080/cb").body("a").allow_private_addresses(true);
    assert!(local.build().is_ok());
}

/// Arrays would name their length, and a new variable would break whoever says it.
#[test]
fn the_lists_of_variables_and_body_types_may_grow() {
    const VARIABLES: &[Variable] = Variable::ALL;
    const BODY_TYPES: &[BodyType] = BodyType::ALL;
    assert!(VARIABLES.contains(&Variable::Object) && BODY_TYPES.contains(&BodyType::Form));
}

#[test]
fn a_host_is_a_name_with_an_optional_port() {
    for host in ["c.example", "c.example:8080", "10.1.1.1"] {
        let callback = builder().host(host).body("a").build().unwrap();
        assert_eq!(json(&callback)["callbackHost"], host);
    }
    for host in [
        "",
        "http://c.example",
        "c.example/x",
        "c example",
        "c.example:",
        "c.example:x",
        "a\r\nb: c",
        "[::1]",
    ] {
        let (error, _) = refusal(builder().host(host).body("a"));
        assert_eq!(error, CallbackError::Host { host: host.into() });
    }
}

#[test]
fn a_body_is_required() {
    assert_eq!(refusal(builder()), (CallbackError::EmptyBody, Some("0007-00000011")));
    assert_eq!(refusal(builder().body("")).0, CallbackError::EmptyBody);
    assert_eq!(refusal(builder().body(BodyTemplate::form())).0, CallbackError::EmptyBody);
    assert!(builder().body(BodyTemplate::json()).build().is_ok());
}

#[test]
fn an_encoded_callback_of_more_than_5_kb_is_refused() {
    let with = |length: usize| builder().body("a".repeat(length)).build();
    // The JSON around the body has 112 bytes: 3,840 bytes in all are 5,120 in base64.
    let longest = with(3728).unwrap();
    assert_eq!(longest.encode().callback().len(), 5120);
    let error = with(3729).unwrap_err();
    assert_eq!(error, CallbackError::TooLong { parameter: "callback", length: 5124 });
    assert_eq!(error.ec(), Some("0007-00000001"));
    let custom = builder().body("a=${x:a}").var("a", "v".repeat(4000)).exceed_variable_advice(true);
    let (error, ec) = refusal(custom);
    assert!(matches!(error, CallbackError::TooLong { parameter: "callback-var", .. }), "{error}");
    assert_eq!(ec, Some("0007-00000101"));
}

#[test]
fn more_custom_variables_than_advised_need_leave() {
    let with = |count: usize| {
        let field =
            |form: FormTemplate, n: usize| form.field(format!("f{n}"), Custom::new(format!("v{n}"), "1"));
        builder().body((0..count).fold(BodyTemplate::form(), field))
    };
    assert!(with(10).build().is_ok());
    // Each has a name of four bytes, the last of five, and a value of one.
    assert_eq!(refusal(with(11)).0, CallbackError::CustomAdvice { count: 11, bytes: 56 });
    assert!(with(11).exceed_variable_advice(true).build().is_ok());

    let long = |length: usize| builder().body("a=${x:a}").var("x:a", "v".repeat(length));
    assert!(long(509).build().is_ok());
    assert_eq!(refusal(long(510)).0, CallbackError::CustomAdvice { count: 1, bytes: 513 });
}

#[test]
fn what_may_be_secret_is_not_shown() {
    let body = BodyTemplate::form()
        .field("o", Variable::Object)
        .field("c", "s3cret")
        .field("u", Custom::new("u", "s3cret"));
    let builder = builder().query("token", "s3cret").body(body).var("y", "s3cret");
    assert!(!format!("{builder:?}").contains("s3cret"));
    let error = builder.build().unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cret"));
    let callback = self::builder()
        .query("token", "s3cret")
        .body("c=s3cret&u=${x:u}")
        .var("u", "s3cret")
        .build()
        .unwrap();
    let shown = format!("{callback:?} {:?}", callback.encode().headers().collect::<Vec<_>>());
    assert!(!shown.contains("s3cret") && !shown.contains(callback.encode().callback()), "{shown}");
}
