//! The query parameters that a V1 signature covers.

/// Whether `name` (decoded, case-sensitive) is part of the canonicalized resource.
///
/// Every `x-oss-*` parameter is, and each name below.
pub(crate) fn is_sub_resource(name: &[u8]) -> bool {
    name.starts_with(b"x-oss-") || NAMES.binary_search_by(|known| known.as_bytes().cmp(name)).is_ok()
}

/// The union of the lists of the official SDKs (C, C#, Go, Java, JavaScript, PHP, Python; two generations of most of
/// them), in byte order. A name that only some of them know is in the list as well: those SDKs talk to the same servers.
const NAMES: [&str; 102] = [
    "accessPoint",
    "accessPointConfigForObjectProcess",
    "accessPointForObjectProcess",
    "accessPointPolicy",
    "accessPointPolicyForObjectProcess",
    "acl",
    "append",
    "asyncFetch",
    "bucketArchiveDirectRead",
    "bucketInfo",
    "callback",
    "callback-var",
    "cleanRestoredObject",
    "cloudboxes",
    "cname",
    "comp",
    "continuation-token",
    "cors",
    "dataPipeline",
    "delete",
    "encryption",
    "endTime",
    "group",
    "httpsConfig",
    "img",
    "inventory",
    "inventoryId",
    "legalHold",
    "lifecycle",
    "link",
    "live",
    "location",
    "logging",
    "metaQuery",
    "objectInfo",
    "objectMeta",
    "objectWorm",
    "overwriteConfig",
    "partNumber",
    "policy",
    "policyStatus",
    "position",
    "processConfiguration",
    "publicAccessBlock",
    "qos",
    "qosInfo",
    "qosRequester",
    "redundancyTransition",
    "referer",
    "regionList",
    "regions",
    "replication",
    "replicationLocation",
    "replicationProgress",
    "requestPayment",
    "requesterQosInfo",
    "resourceGroup",
    "resourcePool",
    "resourcePoolBuckets",
    "resourcePoolInfo",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "responseHeader",
    "restore",
    "retention",
    "rtc",
    "seal",
    "security-token",
    "sequential",
    "startTime",
    "stat",
    "status",
    "style",
    "styleName",
    "symlink",
    "tagging",
    "transferAcceleration",
    "udf",
    "udfApplication",
    "udfApplicationLog",
    "udfId",
    "udfImage",
    "udfImageDesc",
    "udfName",
    "uploadId",
    "uploads",
    "userDefinedLogFieldsConfig",
    "versionId",
    "versioning",
    "versions",
    "vip",
    "vod",
    "vpcip",
    "website",
    "withHashContext",
    "worm",
    "wormExtend",
    "wormId",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_table_of_the_readme_is_this_list() {
        let (_, table) = include_str!("../../README.md").split_once("### Sub-resources of V1").unwrap();
        let table = table.split("\n## ").next().unwrap();
        let mut listed: Vec<_> =
            table.split('`').skip(1).step_by(2).filter(|name| *name != "x-oss-").collect();
        let before = listed.len();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!((listed.as_slice(), before), (&NAMES[..], NAMES.len()));
    }

    #[test]
    fn uploads_callbacks_and_processing_are_covered_and_listing_is_not() {
        for name in [
            "acl",
            "callback",
            "callback-var",
            "continuation-token",
            "partNumber",
            "position",
            "response-expires",
            "security-token",
            "uploadId",
            "uploads",
            "x-oss-process",
            "x-oss-traffic-limit",
            "x-oss-anything-new",
        ] {
            assert!(is_sub_resource(name.as_bytes()), "{name}");
        }
        for name in [
            "Acl",
            "delimiter",
            "encoding-type",
            "list-type",
            "marker",
            "max-keys",
            "max-parts",
            "part-number-marker",
            "prefix",
            "Expires",
            "OSSAccessKeyId",
            "Signature",
            "X-Oss-Process",
            "",
        ] {
            assert!(!is_sub_resource(name.as_bytes()), "{name}");
        }
    }
}
