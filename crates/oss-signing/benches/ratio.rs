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

type Job<'a> = &'a dyn Fn(&mut Parts);

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
    let sign = |signer| move |request: &mut Parts| workload.sign(signer, request);
    let presign = |signer| move |request: &mut Parts| workload.presign(signer, request);
    let verify = |request: &mut Parts| drop(black_box(workload.verify(request).unwrap()));
    let reqsign = |version: SigningVersion, presign: bool| {
        let signer = workload::reqsign(version);
        move |request: &mut Parts| workload.sign_with_reqsign(&signer, request, presign)
    };
    let full = || workload.full();
    let room = || workload.request_with_room();
    let (v1_signed, v4_signed) = (workload.signed(v1), workload.signed(v4));
    let (v1_signed, v4_signed) = (|| v1_signed.clone(), || v4_signed.clone());
    let (v1_reqsign, v4_reqsign) = (reqsign(SigningVersion::V1, false), reqsign(SigningVersion::V4, false));
    let (v1_presign_reqsign, v4_presign_reqsign) =
        (reqsign(SigningVersion::V1, true), reqsign(SigningVersion::V4, true));
    println!(
        "{:<18}{:>10}{:>10}{:>12}{:>12}{:>15}",
        "", "limit ns", "ours ns", "reqsign ns", "ours/limit", "reqsign/limit"
    );
    compare("V1 sign", &v1_limit, &room, &sign(v1), Some(&v1_reqsign));
    compare("V1 sign, map full", &v1_limit, &full, &sign(v1), Some(&v1_reqsign));
    compare("V1 presign", &v1_limit, &full, &presign(v1), Some(&v1_presign_reqsign));
    compare("V1 verify", &v1_limit, &v1_signed, &verify, None);
    compare("V4 sign", &v4_limit, &room, &sign(v4), Some(&v4_reqsign));
    compare("V4 sign, map full", &v4_limit, &full, &sign(v4), Some(&v4_reqsign));
    compare("V4 presign", &v4_limit, &full, &presign(v4), Some(&v4_presign_reqsign));
    compare("V4 verify", &v4_limit, &v4_signed, &verify, None);
}

fn compare(name: &str, limit: &dyn Fn(), input: &dyn Fn() -> Parts, ours: Job<'_>, reqsign: Option<Job<'_>>) {
    // `cargo test --benches` runs this too, where a few rounds show that it works.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 2 };
    let mut best = [Duration::MAX; 3];
    for _ in 0..rounds {
        best[0] = best[0].min(time(input, &|_| limit()));
        best[1] = best[1].min(time(input, ours));
        if let Some(reqsign) = reqsign {
            best[2] = best[2].min(time(input, reqsign));
        }
    }
    let [limit, ours, theirs] = best.map(|total| total.as_secs_f64() * 1e9 / f64::from(REPEATS));
    let ratio = ours / limit;
    match reqsign {
        Some(_) => {
            println!(
                "{name:<18}{limit:>10.0}{ours:>10.0}{theirs:>12.0}{ratio:>12.2}{:>15.2}",
                theirs / limit
            );
        }
        None => println!("{name:<18}{limit:>10.0}{ours:>10.0}{:>12}{ratio:>12.2}", "-"),
    }
}

/// Every repeat gets a fresh copy of the request, made outside the measured time.
fn time(input: &dyn Fn() -> Parts, job: &dyn Fn(&mut Parts)) -> Duration {
    let mut requests: Vec<Parts> = (0..REPEATS).map(|_| input()).collect();
    let start = Instant::now();
    for request in &mut requests {
        job(black_box(request));
    }
    start.elapsed()
}
