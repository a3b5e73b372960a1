//! Which features a step switches on, as arguments for cargo.

use crate::workspace::Member;

/// The one feature that needs something beside the toolchain (on Linux the headers of OpenSSL). `--all-features`
/// would ask for it, so the features are named one by one and this one is checked in a step of its own.
const NATIVE_TLS: &str = "native-tls";

/// All features of all crates but [`NATIVE_TLS`]; the default ones are on anyway.
pub(crate) fn all(members: &[Member]) -> Vec<String> {
    arguments(members.iter().flat_map(optional))
}

/// The crates by name.
pub(crate) fn packages(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(|member| ["--package".to_owned(), member.name.clone()]).collect()
}

/// The crates that have features which are off by default, with these on; the tests of the others would only be
/// repeated. Nothing if there is no such crate.
pub(crate) fn of_crates_with_optional_ones(members: &[Member]) -> Vec<String> {
    let chosen = || members.iter().filter(|member| !optional(member).is_empty());
    let packages = chosen().flat_map(|member| ["--package".to_owned(), member.name.clone()]);
    packages.chain(arguments(chosen().flat_map(optional))).collect()
}

/// The crates that have the feature [`NATIVE_TLS`], with it on. Nothing if there is no such crate.
pub(crate) fn native_tls(members: &[Member]) -> Vec<String> {
    let chosen =
        || members.iter().filter(|member| member.features.iter().any(|feature| feature == NATIVE_TLS));
    let packages = chosen().flat_map(|member| ["--package".to_owned(), member.name.clone()]);
    packages.chain(arguments(chosen().map(|member| format!("{}/{NATIVE_TLS}", member.name)))).collect()
}

fn optional(member: &Member) -> Vec<String> {
    let is_optional = |feature: &&String| {
        !["default", NATIVE_TLS].contains(&feature.as_str()) && !member.default_features.contains(feature)
    };
    member.features.iter().filter(is_optional).map(|feature| format!("{}/{feature}", member.name)).collect()
}

fn arguments(features: impl Iterator<Item = String>) -> Vec<String> {
    features.flat_map(|feature| ["--features".to_owned(), feature]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Vec<Member> {
        let member = |name: &str, features: &[&str], default: &[&str]| Member {
            name: name.to_owned(),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            default_features: default.iter().map(|feature| (*feature).to_owned()).collect(),
            ..Member::default()
        };
        vec![
            member("callback", &["axum"], &[]),
            member("signing", &[], &[]),
            member("transport", &["default", "native-tls", "reqwest"], &["reqwest"]),
        ]
    }

    #[test]
    fn every_feature_is_on_by_default_or_by_name() {
        assert_eq!(all(&members()), ["--features", "callback/axum"]);
        assert_eq!(native_tls(&members()), ["--package", "transport", "--features", "transport/native-tls"]);
    }

    #[test]
    fn only_crates_with_optional_features_are_tested_again() {
        let expected = ["--package", "callback", "--features", "callback/axum"];
        assert_eq!(of_crates_with_optional_ones(&members()), expected);
        assert_eq!(of_crates_with_optional_ones(&members()[1..]), [""; 0]);
    }
}
