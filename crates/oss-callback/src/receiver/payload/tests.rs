use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
struct Upload {
    object: String,
    size: u64,
    crc64: u64,
    width: Option<u32>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
enum Operation {
    PutObject,
    PostObject,
}

fn expected() -> Upload {
    Upload { object: "a b/c".into(), size: 7, crc64: u64::MAX, width: None, note: None }
}

#[test]
fn a_form_takes_its_type() {
    for body in [
        "object=a+b%2Fc&size=7&crc64=18446744073709551615&width=",
        "&object=a%20b%2fc&&size=7&crc64=18446744073709551615&width&extra=1&",
    ] {
        assert_eq!(from_form::<Upload>(body.as_bytes()), Ok(expected()), "{body}");
    }
}

#[test]
fn json_takes_its_type_whichever_way_numbers_are_written() {
    for body in [
        r#"{"object":"a b/c","size":7,"crc64":18446744073709551615,"width":null}"#,
        r#"{"object":"a b\/c","size":"7","crc64":"18446744073709551615","width":""}"#,
        r#"{"object":"a b/c","size":7,"crc64":18446744073709551615,"extra":{"a":[1,2]}}"#,
    ] {
        assert_eq!(from_json::<Upload>(body.as_bytes()), Ok(expected()), "{body}");
    }
    let text: BTreeMap<String, String> = from_json(br#"{"crc64":18446744073709551615}"#).unwrap();
    assert_eq!(text["crc64"], "18446744073709551615");
}

#[test]
fn crc64_never_goes_through_a_float() {
    #[derive(Debug, Deserialize)]
    struct Crc {
        crc64: u64,
    }
    let exact: Crc = from_json(br#"{"crc64":9007199254740993}"#).unwrap();
    assert_eq!(exact.crc64, 9_007_199_254_740_993);
    for body in
        [r#"{"crc64":18446744073709551616}"#, r#"{"crc64":1e3}"#, r#"{"crc64":"18446744073709551616"}"#]
    {
        assert!(from_json::<Crc>(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn a_number_as_another_crate_may_have_serde_json_hand_it_over_is_a_number() {
    let ratio: BTreeMap<String, f64> =
        from_json(br#"{"a":{"$serde_json::private::Number":"1.5"},"b":2.5}"#).unwrap();
    assert_eq!((ratio["a"], ratio["b"]), (1.5, 2.5));
    type Any = BTreeMap<String, serde_json::Value>;
    let field: Any = from_json(br#"{"a":{"b":2,"$serde_json::private::Number":"1"}}"#).unwrap();
    assert!(field["a"].is_object(), "{field:?}");
    for body in [
        r#"{"a":{"$serde_json::private::Number":"x"}}"#,
        r#"{"a":{"$serde_json::private::Number":1}}"#,
        r#"{"a":{"$serde_json::private::Number":"1","b":2}}"#,
    ] {
        assert!(matches!(from_json::<Any>(body.as_bytes()), Err(PayloadError::Json { .. })), "{body}");
    }
}

#[test]
fn only_plain_digits_spell_a_number() {
    for text in ["+5", "-", "", " 5", "5 ", "1e3", "0x5", "inf", "NaN", ".", "1_000"] {
        let json = serde_json::json!({ "n": text }).to_string();
        assert!(from_json::<BTreeMap<String, u64>>(json.as_bytes()).is_err(), "{text:?}");
        assert!(from_json::<BTreeMap<String, f64>>(json.as_bytes()).is_err(), "{text:?}");
    }
    assert!(from_form::<BTreeMap<String, u64>>(b"n=%2B5").is_err());
    let float: BTreeMap<String, f64> = from_form(b"n=-1.5").unwrap();
    assert_eq!(float["n"], -1.5);
}

#[test]
fn duplicate_fields_are_refused() {
    let twice = |name: &str| PayloadError::DuplicateField { name: name.to_owned() };
    let form: Result<BTreeMap<String, String>, _> = from_form(b"size=1&a=2&si%7ae=2");
    assert_eq!(form, Err(twice("size")));
    let json: Result<BTreeMap<String, u64>, _> = from_json(br#"{"size":1,"s\u0069ze":2}"#);
    assert_eq!(json, Err(twice("size")));
    let deep: Result<serde_json::Value, _> = from_json(br#"{"a":[{"b":1,"b":1}]}"#);
    assert_eq!(deep, Err(twice("b")));
}

#[test]
fn malformed_bodies_are_refused() {
    type Any = BTreeMap<String, String>;
    for (body, offset) in [("a=%", 0), ("a=1&b=%zz", 4), ("a=1&%ff=2", 4)] {
        assert_eq!(from_form::<Any>(body.as_bytes()), Err(PayloadError::Form { offset }), "{body}");
    }
    for body in ["", "{", "{}x", "{\"a\":1,}", "nul", "\u{feff}{}", "{\"a\":01}"] {
        assert!(matches!(from_json::<Any>(body.as_bytes()), Err(PayloadError::Json { .. })), "{body:?}");
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(from_json::<Any>(deep.as_bytes()), Err(PayloadError::Json { .. })));
}

#[test]
fn enums_and_newtypes_are_read() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(u32);
    #[derive(Debug, Deserialize, PartialEq)]
    struct Both {
        operation: Operation,
        id: Id,
        flag: bool,
    }
    let both = Both { operation: Operation::PutObject, id: Id(3), flag: true };
    assert_eq!(from_form(b"operation=PutObject&id=3&flag=true"), Ok(both));
    let tagged: Result<BTreeMap<String, Operation>, _> = from_json(br#"{"a":{"PostObject":null}}"#);
    assert_eq!(tagged.unwrap()["a"], Operation::PostObject);
}

#[test]
fn a_list_is_read_whole() {
    assert_eq!(from_json::<(u8, u8)>(b"[1,2]"), Ok((1, 2)));
    let error = from_json::<(u8, u8)>(b"[1,2,3,4]").unwrap_err();
    assert_eq!(error.to_string(), "the list has 2 items too many");
    assert!(from_json::<(u8, u8)>(b"[1]").is_err());
}

#[test]
fn errors_name_the_field_and_hide_the_value() {
    let error = from_form::<Upload>(b"object=a&size=s3cret&crc64=1&width=1").unwrap_err();
    assert_eq!(error.to_string(), "field \"size\": expected u64, found text");
    let error = from_json::<Upload>(br#"{"object":"a","size":1}"#).unwrap_err();
    assert_eq!(error.to_string(), "missing field `crc64`");
    let error = from_form::<BTreeMap<String, Operation>>(b"a=s3cret").unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let error = from_form::<Upload>(b"object=a&size=+5&crc64=1&width=1").unwrap_err();
    assert_eq!(error.to_string(), "field \"size\": expected u64, found text");
}
