//! `cargo xtask soak [--seeds N] [--from SEED]`: kills and resumes N uploads at random and prints what that added up to.
//!
//! The work is done by the test `killed` of oss-upload, which can start and kill itself; a short soak is among its tests.
//! A seed decides everything but the machine's own timing, so a failing one can be run again alone.

use crate::{Outcome, workspace};

const SEEDS: u64 = 300;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (mut seeds, mut from) = (SEEDS, 0);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} lacks its number"))?.parse()?;
        match word.as_str() {
            "--seeds" => seeds = value,
            "--from" => from = value,
            _ => return Err(format!("unknown argument {word}; there are --seeds N and --from SEED").into()),
        }
    }
    let (seeds, from) = (seeds.to_string(), from.to_string());
    let test = ["test", "--package", "oss-upload", "--test", "killed", "--", "--soak", &seeds, &from];
    let status = workspace::cargo(&test).status()?;
    if status.success() { Ok(()) } else { Err("an upload did not survive; its seed is above".into()) }
}
