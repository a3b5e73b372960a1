//! The benches of the project, and what each of them says.

use crate::workspace;

/// A bench target with what a reader must know to read its numbers.
pub(super) struct Bench {
    /// By this name it can be run alone.
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// One sentence.
    pub(super) measures: &'static str,
    /// One sentence: what the numbers stand beside in the same run.
    pub(super) limit: &'static str,
}

/// Where a bench is.
pub(super) enum Place {
    Crate {
        package: &'static str,
        /// The file in the package's `benches/`, without `.rs`.
        target: &'static str,
        features: &'static [&'static str],
    },
    /// A package outside the workspace, because of what it depends on.
    Alone {
        folder: &'static str,
        /// Says what this machine lacks to build it.
        missing: fn() -> Option<&'static str>,
    },
}

pub(super) const BENCHES: &[Bench] = &[
    Bench {
        name: "signing-ratio",
        place: Place::Crate { package: "oss-signing", target: "ratio", features: &[] },
        measures: "Nanoseconds to sign, presign and verify one request, as a multiple of the limit.",
        limit: "The hashing alone: the HMAC and SHA-256 calls a signature of that version cannot do without, over \
                text of the same length; reqsign signs the same request beside it.",
    },
    Bench {
        name: "signing",
        place: Place::Crate { package: "oss-signing", target: "signing", features: &[] },
        measures: "Time and allocations of each signing job by itself.",
        limit: "`v1_limit` and `v4_limit` are the hashing alone; the lines that end in `reqsign` are the same job by \
                that library.",
    },
    Bench {
        name: "callback",
        place: Place::Crate { package: "oss-callback", target: "callback", features: &["axum"] },
        measures: "Time to verify one callback from headers to verdict, to parse a key, and to encode a callback.",
        limit: "`bare_power_512` and `bare_power_2048` are the RSA operation alone, `md5_of_the_text` the hash alone.",
    },
    Bench {
        name: "extractor",
        place: Place::Crate { package: "oss-callback", target: "extractor", features: &["axum"] },
        measures: "A round trip over loopback through axum's extractor, with verification.",
        limit: "`bare_handler` reads the same body and answers the same without verifying.",
    },
    Bench {
        name: "callback-peers",
        place: Place::Alone {
            folder: "crates/oss-callback/benches/peers",
            missing: workspace::missing_openssl,
        },
        measures: "The verification of the same signature by other libraries, each with a key parsed before.",
        limit: "`openssl_bare_power` is the RSA operation alone, by C and assembly; only the line of `oss_callback` also \
                checks headers, decodes base64 and copies the body.",
    },
    Bench {
        name: "transport",
        place: Place::Crate { package: "oss-transport", target: "put", features: &[] },
        measures: "Throughput and processor time of PUTs through `ReqwestTransport`.",
        limit: "The same PUTs through a bare `reqwest::Client`, in turns with ours.",
    },
    Bench {
        name: "put",
        place: Place::Crate { package: "oss-upload", target: "put", features: &[] },
        measures: "Throughput, processor time and peak memory of `put_object`: one large file, and many small objects.",
        limit: "A bare `reqwest::Client` that sends the same bytes without signing, checksum or time limits, in turns \
                with ours; `curl -T` where it is installed.",
    },
    Bench {
        name: "resumable",
        place: Place::Crate { package: "oss-upload", target: "resumable", features: &[] },
        measures: "Throughput, processor time and peak memory of `resumable_upload` with a checkpoint on the disk.",
        limit: "A bare `reqwest::Client` that sends the same parts, as many at once, in turns with ours.",
    },
    Bench {
        name: "journal",
        place: Place::Crate { package: "oss-upload", target: "journal", features: &[] },
        measures: "What a checkpoint of 10,000 parts costs: appending it, the decision of a run that finds all but one \
                   of them done, and the CRC-64 of the whole from those of the parts.",
        limit: "An indented line is the limit of the line above it: the same bytes written to a file, and crc-fast's own \
                combine.",
    },
    Bench {
        name: "emulator",
        place: Place::Crate { package: "oss-emulator", target: "throughput", features: &[] },
        measures: "How fast the emulator takes uploads with each of its stores.",
        limit: "`BareHyper` is a bare hyper server that throws the bodies away; client and server share the machine \
                in every row.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bench_of_every_crate_has_a_row_and_every_row_a_bench() {
        let file = |bench: &Bench| match bench.place {
            Place::Crate { package, target, .. } => format!("crates/{package}/benches/{target}.rs"),
            Place::Alone { folder, .. } => format!("{folder}/Cargo.toml"),
        };
        let mut rows: Vec<String> = BENCHES.iter().map(file).collect();
        rows.sort();
        let is_bench = |path: &String| match path.split('/').collect::<Vec<_>>()[..] {
            ["crates", _, "benches", file] => file.ends_with(".rs"),
            ["crates", _, "benches", _, file] => file == "Cargo.toml",
            _ => false,
        };
        let files: Vec<String> = workspace::files().unwrap().into_iter().filter(is_bench).collect();
        assert_eq!(rows, files);
    }

    #[test]
    fn names_are_unique() {
        for (index, bench) in BENCHES.iter().enumerate() {
            assert!(BENCHES[..index].iter().all(|earlier| earlier.name != bench.name), "{}", bench.name);
        }
    }
}
