//! How far signing is from its limit, as a table: `cargo bench -p oss-signing --bench ratio`.
//!
//! The jobs of a row take turns, so that a busy machine slows all of them, and the best round of each counts: it is
//! the one that was disturbed least.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is no API and prints its result")]

mod workload;

use std::hint::black_box;
use std::time::{Duration, Instant};

use http::request::Parts;
use oss_signing::Signer;
use reqsign_aliyun_oss::SigningVersion;

use workload::Workload;

const ROUNDS: usize = 1_000;
const REPEATS: u32 = 100;

/// One row of the table.
struct Row<'a> {
    name: &'static str,
    limit: &'a dyn Fn(),
    input: Parts,
    ours: &'a dyn Fn(&mut Parts),
    reqsign: Option<&'a dyn Fn(&mut Parts)>,
}

fn main() {
    let workload = &Workload::new();
    let (v1_limit, v4_limit) = (workload.v1_limit(), workload.v4_limit());
    let v1_limit = || {
        black_box(v1_limit());
    };
    let v4_limit = || {
        black_box(v4_limit());
    };
    let (v1, v4): (&dyn Signer, &dyn Signer) = (&workload.v1, &workload.v4);
    let sign = |signer: &'static str| {
        let signer = if signer == "v1" { v1 } else { v4 };
        move |request: &mut Parts| workload.sign(signer, request)
    };
    let presign = |signer: &'static str| {
        let signer = if signer == "v1" { v1 } else { v4 };
        move |request: &mut Parts| workload.presign(signer, request)
    };
    let verify = |request: &mut Parts| drop(black_box(workload.verify(request).unwrap()));
    let reqsign = |version: SigningVersion, presign: bool| {
        let signer = workload.reqsign(version);
        move |request: &mut Parts| workload.sign_with_reqsign(&signer, request, presign)
    };
    let input = || workload.request.clone();
    let rows = [
        Row {
            name: "V1 sign",
            limit: &v1_limit,
            input: input(),
            ours: &sign("v1"),
            reqsign: Some(&reqsign(SigningVersion::V1, false)),
        },
        Row {
            name: "V1 presign",
            limit: &v1_limit,
            input: input(),
            ours: &presign("v1"),
            reqsign: Some(&reqsign(SigningVersion::V1, true)),
        },
        Row { name: "V1 verify", limit: &v1_limit, input: workload.signed(v1), ours: &verify, reqsign: None },
        Row {
            name: "V4 sign",
            limit: &v4_limit,
            input: input(),
            ours: &sign("v4"),
            reqsign: Some(&reqsign(SigningVersion::V4, false)),
        },
        Row {
            name: "V4 presign",
            limit: &v4_limit,
            input: input(),
            ours: &presign("v4"),
            reqsign: Some(&reqsign(SigningVersion::V4, true)),
        },
        Row { name: "V4 verify", limit: &v4_limit, input: workload.signed(v4), ours: &verify, reqsign: None },
    ];
    println!(
        "{:<12}{:>10}{:>10}{:>12}{:>12}{:>15}",
        "", "limit ns", "ours ns", "reqsign ns", "ours/limit", "reqsign/limit"
    );
    // `cargo test --benches` runs this too, where a few rounds show that it works.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 2 };
    for row in &rows {
        print(row, rounds);
    }
}

fn print(row: &Row<'_>, rounds: usize) {
    let (mut limit, mut ours, mut reqsign) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        limit = limit.min(time(&row.input, &|_| (row.limit)()));
        ours = ours.min(time(&row.input, row.ours));
        if let Some(job) = row.reqsign {
            reqsign = reqsign.min(time(&row.input, job));
        }
    }
    let nanoseconds = |total: Duration| total.as_secs_f64() * 1e9 / f64::from(REPEATS);
    let (limit, ours, theirs) = (nanoseconds(limit), nanoseconds(ours), nanoseconds(reqsign));
    let (name, ratio) = (row.name, ours / limit);
    match row.reqsign {
        Some(_) => {
            println!("{name:<12}{limit:>10.0}{ours:>10.0}{theirs:>12.0}{ratio:>12.2}{:>15.2}", theirs / limit)
        }
        None => println!("{name:<12}{limit:>10.0}{ours:>10.0}{:>12}{ratio:>12.2}", "-"),
    }
}

/// Every repeat gets a fresh copy of the request, made outside the measured time.
fn time(input: &Parts, job: &dyn Fn(&mut Parts)) -> Duration {
    let mut requests: Vec<Parts> = (0..REPEATS).map(|_| input.clone()).collect();
    let start = Instant::now();
    for request in &mut requests {
        job(black_box(request));
    }
    start.elapsed()
}
