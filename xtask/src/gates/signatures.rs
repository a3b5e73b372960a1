//! Whose types stand in public signatures: a major release of one of those crates is a major release of ours.
//!
//! The compiler's own description of the public API is read, rustdoc's JSON. It is not stable yet, so rustdoc alone is
//! run with `RUSTC_BOOTSTRAP` and its form is checked before it is believed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::steps::{Done, finish};
use crate::workspace::Member;
use crate::{Outcome, workspace};

/// The form of rustdoc's JSON that [`foreign`] reads. A later compiler may need a look at what changed.
const FORMATS: std::ops::RangeInclusive<u64> = 50..=57;

/// These may stand in every crate's signatures.
const EVERYWHERE: &[&str] =
    &["alloc", "bytes", "core", "futures_core", "http", "http_body", "serde", "serde_core", "std"];

/// One more crate that may stand in the signatures of one of ours.
struct Exception {
    of: &'static str,
    name: &'static str,
    because: &'static str,
}

#[rustfmt::skip]
const EXCEPTIONS: &[Exception] = &[
    Exception { of: "oss",           name: "reqsign_core", because: "the credential chain takes any provider that is written for reqsign" },
    Exception { of: "oss",           name: "reqsign_aliyun_oss", because: "such a provider gives that crate's credentials" },
    Exception { of: "oss-callback",  name: "axum_core", because: "the feature `axum` implements its traits" },
    Exception { of: "oss-transport", name: "reqwest",   because: "`ReqwestTransport` is made from a client that the caller configured" },
    Exception { of: "oss-upload",    name: "tokio",     because: "`StreamSource::from_reader` takes what implements its `AsyncRead`; its release 1 is promised for years" },
];

pub(super) fn run() -> Outcome<Done> {
    let published = workspace::published()?;
    let own: Vec<String> = published.iter().map(|member| member.name.replace('-', "_")).collect();
    let mut faults = Vec::new();
    for member in &published {
        let found = foreign(&description(member)?)?;
        let list: Vec<&str> = found.keys().map(String::as_str).collect();
        println!("{}: {}", member.name, list.join(", "));
        faults.extend(judge(&member.name, &found, &own, EXCEPTIONS));
    }
    for fault in &faults {
        println!("error: {fault}");
    }
    if faults.is_empty() {
        Ok(Done::Counted(format!("{} crates", published.len())))
    } else {
        Err(faults.join("; ").into())
    }
}

fn description(member: &Member) -> Outcome<Value> {
    let target = workspace::root().join("target/gates/signatures");
    let mut rustdoc =
        workspace::cargo(&["rustdoc", "--locked", "--quiet", "--lib", "--package", &member.name]);
    for feature in member.features.iter().filter(|feature| *feature != "native-tls") {
        rustdoc.args(["--features", feature]);
    }
    rustdoc.arg("--target-dir").arg(&target).args([
        "--",
        "-Z",
        "unstable-options",
        "--output-format",
        "json",
    ]);
    finish(rustdoc.env("RUSTC_BOOTSTRAP", "1").spawn()?)?;
    let file = target.join("doc").join(format!("{}.json", member.name.replace('-', "_")));
    Ok(serde_json::from_slice(&std::fs::read(file)?)?)
}

/// The other crates named in the description, each with the first few items that name it.
fn foreign(description: &Value) -> Outcome<BTreeMap<String, BTreeSet<String>>> {
    let format = description["format_version"].as_u64().unwrap_or_default();
    if !FORMATS.contains(&format) {
        return Err(format!("rustdoc writes form {format} of its JSON; this gate reads {FORMATS:?}").into());
    }
    let index = description["index"].as_object().ok_or("rustdoc's JSON has no index")?;
    let mut found = BTreeMap::new();
    for item in index.values().filter(|item| is_own(item)) {
        let mut crates = BTreeSet::new();
        gather(&item["inner"], description, &mut crates);
        for name in crates {
            let item = item["name"].as_str().unwrap_or("an implementation");
            found.entry(name).or_insert_with(BTreeSet::new).insert(item.to_owned());
        }
    }
    Ok(found)
}

/// Whether a person wrote the item: implementations of auto traits, and those for every type, come by themselves.
fn is_own(item: &Value) -> bool {
    let implementation = &item["inner"]["impl"];
    item["crate_id"] == 0
        && implementation["is_synthetic"] != true
        && implementation["blanket_impl"].is_null()
}

/// Every reference to a type or trait is an object with a `path` and an `id`.
fn gather(value: &Value, description: &Value, crates: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, description, crates)),
        Value::Object(fields) => {
            if fields.contains_key("path")
                && let Some(id) = fields.get("id").and_then(Value::as_u64)
            {
                let of = &description["paths"][id.to_string()]["crate_id"];
                let name = &description["external_crates"][of.to_string()]["name"];
                crates.extend(name.as_str().map(str::to_owned));
            }
            fields.values().for_each(|value| gather(value, description, crates));
        }
        _ => {}
    }
}

/// A sentence for each crate that must not be there, and for each exception that is not used.
fn judge(
    of: &str,
    found: &BTreeMap<String, BTreeSet<String>>,
    own: &[String],
    exceptions: &[Exception],
) -> Vec<String> {
    let exceptions = || exceptions.iter().filter(|exception| exception.of == of);
    let is_allowed = |name: &String| {
        EVERYWHERE.contains(&name.as_str())
            || own.contains(name)
            || exceptions().any(|exception| exception.name == name)
    };
    let strangers = found.iter().filter(|(name, _)| !is_allowed(name)).map(|(name, items)| {
        let items: Vec<&str> = items.iter().take(8).map(String::as_str).collect();
        format!("{of} shows types of {name} in: {}", items.join(", "))
    });
    let unused = exceptions().filter(|exception| !found.contains_key(exception.name)).map(|exception| {
        format!("{of} no longer shows {} ({}): remove the exception", exception.name, exception.because)
    });
    strangers.chain(unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
        found.iter().map(|name| ((*name).to_owned(), BTreeSet::from(["send".to_owned()]))).collect()
    }

    #[test]
    fn crates_are_read_from_signatures_and_not_from_what_comes_by_itself() {
        let reference = |id: u64| serde_json::json!({"resolved_path": {"path": "T", "id": id, "args": null}});
        let description = serde_json::json!({
            "format_version": FORMATS.end(),
            "index": {
                "1": {"crate_id": 0, "name": "send", "inner": {"function": {"sig": {"inputs": [["x", reference(7)]]}}}},
                "2": {"crate_id": 0, "name": null, "inner": {"impl": {"is_synthetic": true, "blanket_impl": null, "trait": reference(8)}}},
                "3": {"crate_id": 0, "name": null, "inner": {"impl": {"is_synthetic": false, "blanket_impl": {}, "for": reference(8)}}},
                "4": {"crate_id": 3, "name": "theirs", "inner": {"struct": reference(8)}},
                "5": {"crate_id": 0, "name": "ours", "inner": {"struct_field": reference(9)}},
            },
            "paths": {"7": {"crate_id": 1}, "8": {"crate_id": 2}, "9": {"crate_id": 0}},
            "external_crates": {"1": {"name": "http"}, "2": {"name": "tokio"}},
        });
        assert_eq!(foreign(&description).unwrap(), names(&["http"]));
    }

    #[test]
    fn another_form_is_not_believed() {
        let description = serde_json::json!({"format_version": FORMATS.end() + 1, "index": {}});
        assert!(foreign(&description).unwrap_err().to_string().contains("this gate reads"));
    }

    #[test]
    fn strangers_and_unused_exceptions_are_found() {
        let exceptions = [Exception { of: "top", name: "reqwest", because: "a reason" }];
        let judge = |of: &str, found: &[&str]| judge(of, &names(found), &["bottom".to_owned()], &exceptions);
        assert_eq!(judge("middle", &["core", "http", "bottom"]), [""; 0]);
        assert_eq!(judge("middle", &["reqwest"]), ["middle shows types of reqwest in: send"]);
        assert_eq!(judge("top", &["reqwest"]), [""; 0]);
        assert_eq!(judge("top", &[]), ["top no longer shows reqwest (a reason): remove the exception"]);
    }
}
