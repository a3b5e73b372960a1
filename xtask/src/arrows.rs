//! `cargo xtask arrows`: who may depend on whom.
//!
//! The two tables below are the law; `docs/architecture.md` explains it. [`declared`] compares the first with the
//! manifests, [`reached`] compares the second with the tree of everything that is linked into a crate.

mod declared;
mod reached;

use crate::{Outcome, workspace};

/// What a crate may depend on inside this workspace. Nothing else is allowed.
struct Arrows {
    from: &'static str,
    /// Normal and build dependencies, optional ones included.
    to: &'static [&'static str],
    /// What only its tests, examples and benches may use, beside what is in `to`.
    dev: &'static [&'static str],
}

#[rustfmt::skip]
const ARROWS: &[Arrows] = &[
    Arrows { from: "oss-signing",   to: &[], dev: &[] },
    Arrows { from: "oss-callback",  to: &[], dev: &[] },
    Arrows { from: "oss-transport", to: &[], dev: &[] },
    Arrows { from: "oss-upload",    to: &["oss-signing", "oss-callback", "oss-transport"], dev: &["oss-emulator"] },
    Arrows { from: "oss",           to: &["oss-signing", "oss-callback", "oss-transport", "oss-upload"], dev: &[] },
    // It verifies with oss-signing, since official vectors judge that crate, and knows oss-transport only to be usable
    // in process. It has its own XML, CRC64 and callback code, so that it is a second opinion on the others.
    Arrows { from: "oss-emulator",  to: &["oss-signing", "oss-transport"], dev: &[] },
    // Some scenarios show a single layer or a custom transport, so the lower crates are open to them.
    Arrows { from: "examples",      to: &["oss", "oss-emulator", "oss-signing", "oss-transport"], dev: &[] },
    // An application: the facade, and an OSS to try it on.
    Arrows { from: "direct_upload", to: &["oss", "oss-emulator"], dev: &[] },
    Arrows { from: "xtask",         to: &[], dev: &[] },
];

/// Crates that must not be linked into one of ours, directly or through others (build scripts, macros and dev
/// dependencies do not count).
struct Ban {
    on: &'static [&'static str],
    features: Features,
    crates: &'static [&'static str],
    because: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Features {
    None,
    Default,
    All,
}

const LIBRARIES: &[&str] =
    &["oss-signing", "oss-callback", "oss-transport", "oss-upload", "oss", "oss-emulator"];
const BELOW_THE_FACADE: &[&str] =
    &["oss-signing", "oss-callback", "oss-transport", "oss-upload", "oss-emulator"];

#[rustfmt::skip]
const BANS: &[Ban] = &[
    Ban { on: &["oss-signing"],   features: Features::All,     crates: &["tokio", "async-std", "smol", "futures-executor"], because: "signing is synchronous; time, credentials and the request come in as arguments" },
    Ban { on: &["oss-signing"],   features: Features::All,     crates: &["reqwest", "hyper", "ureq", "url", "quick-xml"], because: "signing knows no HTTP client and no XML, and never encodes a URL again" },
    Ban { on: &["oss-callback"],  features: Features::None,    crates: &["tokio", "hyper", "axum", "axum-core"], because: "only the feature `axum` may bring sockets and async into the callback crate" },
    Ban { on: &["oss-callback"],  features: Features::All,     crates: &["reqwest", "ureq", "quick-xml"], because: "a callback is form or JSON, and its verification needs no network" },
    Ban { on: &["oss-transport"], features: Features::None,    crates: &["reqwest", "hyper", "tokio", "rustls"], because: "the contract alone must suit any HTTP client and runtime" },
    Ban { on: &["oss-transport"], features: Features::All,     crates: &["quick-xml", "backon"], because: "the transport sends one request and returns its answer: no XML, no retries" },
    Ban { on: &["oss-upload"],    features: Features::All,     crates: &["reqwest", "hyper", "hyper-util"], because: "the upload layer sees HTTP only through the Transport trait" },
    Ban { on: &["oss-emulator"],  features: Features::All,     crates: &["oss-upload", "oss-callback", "oss"], because: "the emulator is a second opinion on them" },
    Ban { on: LIBRARIES,          features: Features::Default, crates: &["openssl-sys", "native-tls"], because: "TLS is rustls unless somebody asks for the platform's: nothing to install" },
    Ban { on: LIBRARIES,          features: Features::All,     crates: &["rsa"], because: "RUSTSEC-2023-0071 is open; callbacks are verified with crypto-bigint" },
    Ban { on: LIBRARIES,          features: Features::Default, crates: &["anyhow", "eyre"], because: "errors of a library are types that can be matched" },
    // The credential chain of `oss` is reqsign's, and reqsign keeps its causes in anyhow.
    Ban { on: BELOW_THE_FACADE,   features: Features::All,     crates: &["anyhow", "eyre"], because: "errors of a library are types that can be matched" },
];

pub(crate) fn run() -> Outcome {
    let members = workspace::members()?;
    let mut violations = declared::violations(&members, ARROWS);
    for (ban, name) in BANS.iter().flat_map(|ban| ban.on.iter().map(move |name| (ban, name))) {
        violations.extend(reached::violations(&reached::tree(name, ban.features)?, ban));
    }
    for unused in declared::unused(&members, ARROWS) {
        println!("note: {unused}");
    }
    for violation in &violations {
        println!("error: {violation}");
    }
    println!(
        "arrows: {} crates, {} rows of bans, {} violations",
        members.len(),
        BANS.len(),
        violations.len()
    );
    if violations.is_empty() { Ok(()) } else { Err("a dependency points where it must not".into()) }
}
