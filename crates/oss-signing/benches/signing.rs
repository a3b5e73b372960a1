//! Time and allocations of each job: `cargo bench -p oss-signing --bench signing`.
#![expect(clippy::unwrap_used, reason = "a bench is no API and may stop at the first surprise")]

mod workload;

use divan::{AllocProfiler, Bencher};
use http::request::Parts;
use oss_signing::Signer;
use reqsign_aliyun_oss::SigningVersion;

use workload::Workload;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench]
fn v1_limit(bencher: Bencher<'_, '_>) {
    bencher.bench_local(Workload::new().v1_limit());
}

#[divan::bench]
fn v1_sign(bencher: Bencher<'_, '_>) {
    sign(bencher, Workload::request_with_room, |workload| &workload.v1);
}

#[divan::bench]
fn v1_sign_map_full(bencher: Bencher<'_, '_>) {
    sign(bencher, Workload::full, |workload| &workload.v1);
}

#[divan::bench]
fn v1_sign_reqsign(bencher: Bencher<'_, '_>) {
    reqsign(bencher, SigningVersion::V1, false);
}

#[divan::bench]
fn v1_presign(bencher: Bencher<'_, '_>) {
    presign(bencher, |workload| &workload.v1);
}

#[divan::bench]
fn v1_presign_reqsign(bencher: Bencher<'_, '_>) {
    reqsign(bencher, SigningVersion::V1, true);
}

#[divan::bench]
fn v1_verify(bencher: Bencher<'_, '_>) {
    verify(bencher, |workload| &workload.v1);
}

#[divan::bench]
fn v4_limit(bencher: Bencher<'_, '_>) {
    bencher.bench_local(Workload::new().v4_limit());
}

#[divan::bench]
fn v4_sign(bencher: Bencher<'_, '_>) {
    sign(bencher, Workload::request_with_room, |workload| &workload.v4);
}

#[divan::bench]
fn v4_sign_map_full(bencher: Bencher<'_, '_>) {
    sign(bencher, Workload::full, |workload| &workload.v4);
}

#[divan::bench]
fn v4_sign_reqsign(bencher: Bencher<'_, '_>) {
    reqsign(bencher, SigningVersion::V4, false);
}

#[divan::bench]
fn v4_presign(bencher: Bencher<'_, '_>) {
    presign(bencher, |workload| &workload.v4);
}

#[divan::bench]
fn v4_presign_reqsign(bencher: Bencher<'_, '_>) {
    reqsign(bencher, SigningVersion::V4, true);
}

#[divan::bench]
fn v4_verify(bencher: Bencher<'_, '_>) {
    verify(bencher, |workload| &workload.v4);
}

fn sign(bencher: Bencher<'_, '_>, input: fn(&Workload) -> Parts, signer: fn(&Workload) -> &dyn Signer) {
    let workload = Workload::new();
    bencher
        .with_inputs(|| input(&workload))
        .bench_local_refs(|request| workload.sign(signer(&workload), request));
}

fn presign(bencher: Bencher<'_, '_>, signer: fn(&Workload) -> &dyn Signer) {
    let workload = Workload::new();
    bencher
        .with_inputs(|| workload.full())
        .bench_local_refs(|request| workload.presign(signer(&workload), request));
}

fn verify(bencher: Bencher<'_, '_>, signer: fn(&Workload) -> &dyn Signer) {
    let workload = Workload::new();
    let request = workload.signed(signer(&workload));
    bencher.bench_local(|| workload.verify(&request).unwrap());
}

fn reqsign(bencher: Bencher<'_, '_>, version: SigningVersion, presign: bool) {
    let workload = Workload::new();
    let signer = workload::reqsign(version);
    bencher
        .with_inputs(|| workload.full())
        .bench_local_refs(|request| workload.sign_with_reqsign(&signer, request, presign));
}
