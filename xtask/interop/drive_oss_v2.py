"""Drives the emulator with alibabacloud-oss-v2, the official Python SDK, version 2.

`drive_oss_v2.py ENDPOINT v1|v4 path|host`: signature version and addressing style.
"""

import base64
import datetime
import hashlib
import socket
import sys
import tempfile
import urllib.request

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2.models import CORSConfiguration, CORSRule, Tag, Tagging, TagSet

from harness import CallbackServer, Table, expect_error

ENDPOINT, VERSION, STYLE = sys.argv[1], sys.argv[2], sys.argv[3]
BUCKET, REGION = f"ossv2-{VERSION}-{STYLE}", "cn-hangzhou"
table = Table(f"oss-v2 {VERSION.upper()} {STYLE}")
check = table.check
application = CallbackServer()


def client(secret="test-secret"):
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider("test-id", secret)
    config.region = REGION
    config.endpoint = ENDPOINT
    config.signature_version = VERSION
    config.retry_max_attempts = 1
    config.use_path_style = STYLE == "path"
    if STYLE == "host":
        # Resolves without a name server, and is no IP address, so the client puts the bucket in front.
        config.endpoint = ENDPOINT.replace("127.0.0.1", "localhost")
    return oss.Client(config)


def resolve(host, *arguments, original=socket.getaddrinfo, **more):
    """Not every machine resolves the names below localhost."""
    return original("127.0.0.1" if str(host).endswith(".localhost") else host, *arguments, **more)


socket.getaddrinfo = resolve
oss_client = client()
KEY = "目录/a b+c&d?e%2Ff~*'().txt"


def put(key, body=b"x", **more):
    return oss_client.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=body, **more))


def get(key, **more):
    return oss_client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key, **more))


def http_call(url, method="GET", data=None, headers=None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.read()


def buckets():
    oss_client.put_bucket(oss.PutBucketRequest(bucket=BUCKET))
    assert oss_client.is_bucket_exist(BUCKET) and not oss_client.is_bucket_exist("no-such-bucket")
    assert BUCKET in [one.name for one in oss_client.list_buckets(oss.ListBucketsRequest()).buckets]


def bucket_information():
    information = oss_client.get_bucket_info(oss.GetBucketInfoRequest(bucket=BUCKET)).bucket_info
    assert (information.name, information.acl) == (BUCKET, "private")
    assert oss_client.get_bucket_location(oss.GetBucketLocationRequest(bucket=BUCKET)).location == f"oss-{REGION}"
    oss_client.put_bucket_acl(oss.PutBucketAclRequest(bucket=BUCKET, acl="public-read"))
    assert oss_client.get_bucket_acl(oss.GetBucketAclRequest(bucket=BUCKET)).acl == "public-read"
    oss_client.put_bucket_acl(oss.PutBucketAclRequest(bucket=BUCKET, acl="private"))


def put_object():
    done = put(KEY, b"hello world", metadata={"author": "me"}, content_type="text/x")
    assert done.status_code == 200 and done.etag == '"5EB63BBBE01EEED093CB22BB8F5ACDC3"'
    assert done.hash_crc64 == "5981764153023615706"
    assert put("empty", b"").status_code == 200
    assert put("stream", iter([b"a" * 70000, b"b" * 70000])).status_code == 200


def get_object():
    got = get(KEY)
    assert got.body.content == b"hello world" and got.metadata["author"] == "me"
    part = get(KEY, range_header="bytes=1-3")
    assert (part.status_code, part.body.content, part.content_range) == (206, b"ell", "bytes 1-3/11")
    assert get(KEY, response_content_type="text/csv").headers["content-type"] == "text/csv"
    expect_error(lambda: get("none"), "NoSuchKey")
    expect_error(lambda: get(KEY, if_none_match='"5EB63BBBE01EEED093CB22BB8F5ACDC3"'), "304")
    expect_error(lambda: get(KEY, if_match='"0"'), "PreconditionFailed")


def head_object():
    head = oss_client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key=KEY))
    assert (head.content_length, head.content_type, head.object_type) == (11, "text/x", "Normal")
    assert oss_client.get_object_meta(oss.GetObjectMetaRequest(bucket=BUCKET, key=KEY)).content_length == 11
    assert oss_client.is_object_exist(BUCKET, KEY) and not oss_client.is_object_exist(BUCKET, "none")


def callbacks():
    done = put("callback", callback=application.parameter(), callback_var=application.variables())
    assert done.callback_result == '{"Status":"OK"}', done.callback_result
    application.expect_one(f"bucket={BUCKET}", "object=callback", "size=1", "v=value%201")
    template = application.parameter('{"o":${object},"s":${size},"v":${x:var1}}', "application/json")
    put("callback", callback=template, callback_var=application.variables())
    application.expect_one('{"o":"callback","s":1,"v":"value 1"}')


def callback_failures():
    application.answer = (500, b"no")
    done = put("kept", callback=application.parameter())
    assert done.status_code == 203 and "CallbackFailed" in str(done.callback_result)
    application.answer = (200, b'{"Status":"OK"}')
    application.received.clear()
    assert get("kept").body.content == b"x"
    expect_error(lambda: put("no", callback="e30"), "InvalidArgument")
    assert not oss_client.is_object_exist(BUCKET, "no")


def copy_object():
    oss_client.copy_object(oss.CopyObjectRequest(bucket=BUCKET, key="copy", source_bucket=BUCKET, source_key=KEY))
    assert get("copy").body.content == b"hello world" and get("copy").metadata["author"] == "me"


def append_object():
    first = oss_client.append_object(oss.AppendObjectRequest(bucket=BUCKET, key="log", position=0, body=b"hello "))
    request = oss.AppendObjectRequest(bucket=BUCKET, key="log", position=first.next_position, body=b"world")
    assert oss_client.append_object(request).next_position == 11
    assert get("log").body.content == b"hello world"
    expect_error(lambda: oss_client.append_object(request), "PositionNotEqualToLength")


def listing():
    names = ["list/a", "list/b/1", "list/b/2", "list/c", "list/\x01\x1f\n", "list/é 文&<>"]
    for name in names:
        put(name)
    for paginator, request in (
        (oss_client.list_objects_paginator(), oss.ListObjectsRequest(bucket=BUCKET, prefix="list/", max_keys=2)),
        (oss_client.list_objects_v2_paginator(), oss.ListObjectsV2Request(bucket=BUCKET, prefix="list/", max_keys=2)),
    ):
        found = [one.key for page in paginator.iter_page(request) for one in page.contents or []]
        assert found == sorted(names), found
    page = oss_client.list_objects_v2(oss.ListObjectsV2Request(bucket=BUCKET, prefix="list/", delimiter="/"))
    assert [one.prefix for one in page.common_prefixes] == ["list/b/"] and page.key_count == 5


def multipart():
    key, data = "multi 文/part", [b"A" * 102400, b"B" * 1000]
    request = oss.InitiateMultipartUploadRequest(bucket=BUCKET, key=key, content_type="text/y")
    started = oss_client.initiate_multipart_upload(request)
    assert started.key == key
    parts = []
    for number, body in ((1, data[0]), (3, data[1])):
        request = oss.UploadPartRequest(bucket=BUCKET, key=key, upload_id=started.upload_id, part_number=number, body=body)
        sent = oss_client.upload_part(request)
        parts.append(oss.UploadPart(part_number=number, etag=sent.etag))
    request = oss.ListPartsRequest(bucket=BUCKET, key=key, upload_id=started.upload_id, max_parts=1)
    listed = [part for page in oss_client.list_parts_paginator().iter_page(request) for part in page.parts]
    assert [(part.part_number, part.size) for part in listed] == [(1, 102400), (3, 1000)]
    assert all(part.hash_crc64 for part in listed)
    uploads = oss_client.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=BUCKET)).uploads
    assert [(one.key, one.upload_id) for one in uploads] == [(key, started.upload_id)]

    def complete(chosen):
        return oss_client.complete_multipart_upload(
            oss.CompleteMultipartUploadRequest(
                bucket=BUCKET,
                key=key,
                upload_id=started.upload_id,
                complete_multipart_upload=oss.CompleteMultipartUpload(parts=chosen),
                callback=application.parameter(),
            )
        )

    expect_error(lambda: complete([oss.UploadPart(part_number=1, etag="0" * 32)]), "InvalidPart")
    assert complete(parts).callback_result == '{"Status":"OK"}'
    application.expect_one("size=103400")
    assert get(key).body.content == b"".join(data)
    expect_error(lambda: complete(parts), "NoSuchUpload")


def copied_parts():
    put("source", b"0123456789" * 20480)
    started = oss_client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key="copied"))
    parts = []
    for number, wanted in ((1, "bytes=0-102399"), (2, "bytes=102400-204799")):
        request = oss.UploadPartCopyRequest(
            bucket=BUCKET, key="copied", upload_id=started.upload_id, part_number=number,
            source_bucket=BUCKET, source_key="source", source_range=wanted,
        )
        parts.append(oss.UploadPart(part_number=number, etag=oss_client.upload_part_copy(request).etag))
    request = oss.CompleteMultipartUploadRequest(
        bucket=BUCKET, key="copied", upload_id=started.upload_id,
        complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
    )
    assert oss_client.complete_multipart_upload(request).key == "copied"
    assert get("copied").body.content == b"0123456789" * 20480


def abort():
    started = oss_client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key="aborted"))
    request = oss.AbortMultipartUploadRequest(bucket=BUCKET, key="aborted", upload_id=started.upload_id)
    assert oss_client.abort_multipart_upload(request).status_code == 204
    expect_error(lambda: oss_client.abort_multipart_upload(request), "NoSuchUpload")


def uploader():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"resumable " * 50000)
        file.flush()
        request = oss.PutObjectRequest(bucket=BUCKET, key="resumable", callback=application.parameter())
        done = oss_client.uploader(part_size=102400, parallel_num=3).upload_file(request, filepath=file.name)
    assert done.upload_id
    application.expect_one("object=resumable", "size=500000")
    assert get("resumable").body.content == b"resumable " * 50000


def acl_and_tags():
    oss_client.put_object_acl(oss.PutObjectAclRequest(bucket=BUCKET, key=KEY, acl="public-read"))
    assert oss_client.get_object_acl(oss.GetObjectAclRequest(bucket=BUCKET, key=KEY)).acl == "public-read"
    tagging = Tagging(tag_set=TagSet(tags=[Tag(key="名", value="value 1")]))
    oss_client.put_object_tagging(oss.PutObjectTaggingRequest(bucket=BUCKET, key=KEY, tagging=tagging))
    tags = oss_client.get_object_tagging(oss.GetObjectTaggingRequest(bucket=BUCKET, key=KEY)).tag_set.tags
    assert [(tag.key, tag.value) for tag in tags] == [("名", "value 1")]
    oss_client.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket=BUCKET, key=KEY))
    assert not oss_client.get_object_tagging(oss.GetObjectTaggingRequest(bucket=BUCKET, key=KEY)).tag_set.tags


def cors():
    rule = CORSRule(allowed_origins=["http://a.example"], allowed_methods=["PUT"], allowed_headers=["*"], max_age_seconds=60)
    configuration = CORSConfiguration(cors_rules=[rule])
    oss_client.put_bucket_cors(oss.PutBucketCorsRequest(bucket=BUCKET, cors_configuration=configuration))
    rules = oss_client.get_bucket_cors(oss.GetBucketCorsRequest(bucket=BUCKET)).cors_configuration.cors_rules
    assert rules[0].allowed_origins == ["http://a.example"]
    request = oss.OptionObjectRequest(
        bucket=BUCKET, key="k", origin="http://a.example", access_control_request_method="PUT",
        access_control_request_headers="content-type",
    )
    assert oss_client.option_object(request).access_control_allow_origin == "http://a.example"
    oss_client.delete_bucket_cors(oss.DeleteBucketCorsRequest(bucket=BUCKET))
    expect_error(lambda: oss_client.get_bucket_cors(oss.GetBucketCorsRequest(bucket=BUCKET)), "NoSuchCORSConfiguration")


def presigned():
    minute = datetime.timedelta(seconds=60)
    request = oss.PutObjectRequest(bucket=BUCKET, key="pre signed+1", content_type="text/z")
    url = oss_client.presign(request, expires=minute).url
    assert http_call(url, "PUT", b"signed", {"Content-Type": "text/z"})[0] == 200
    assert http_call(url, "PUT", b"x", {"Content-Type": "text/other"})[0] == 403
    url = oss_client.presign(oss.GetObjectRequest(bucket=BUCKET, key="pre signed+1"), expires=minute).url
    assert http_call(url) == (200, b"signed")
    request = oss.PutObjectRequest(
        bucket=BUCKET, key="pre-callback", content_type="text/z",
        parameters={"callback": application.parameter(), "callback-var": application.variables()},
    )
    url = oss_client.presign(request, expires=minute).url
    assert http_call(url, "PUT", b"signed", {"Content-Type": "text/z"}) == (200, b'{"Status":"OK"}')
    application.expect_one("object=pre-callback", "v=value%201")


def safety():
    expect_error(lambda: put(KEY, forbid_overwrite=True), "FileAlreadyExists")
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    expect_error(lambda: put("md5", content_md5=wrong), "InvalidDigest")
    stranger = client("wrong")
    request = oss.PutObjectRequest(bucket=BUCKET, key="k", body=b"y")
    expect_error(lambda: stranger.put_object(request), "SignatureDoesNotMatch")
    request = oss.PutObjectRequest(bucket="no-such-bucket", key="k", body=b"y")
    expect_error(lambda: oss_client.put_object(request), "NoSuchBucket")


def deletion():
    oss_client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key="copy"))
    assert not oss_client.is_object_exist(BUCKET, "copy")
    expect_error(lambda: oss_client.delete_bucket(oss.DeleteBucketRequest(bucket=BUCKET)), "BucketNotEmpty")
    request = oss.ListObjectsV2Request(bucket=BUCKET)
    keys = [one.key for page in oss_client.list_objects_v2_paginator().iter_page(request) for one in page.contents or []]
    request = oss.DeleteMultipleObjectsRequest(
        bucket=BUCKET, encoding_type="url", objects=[oss.DeleteObject(key=key) for key in keys]
    )
    deleted = oss_client.delete_multiple_objects(request).deleted_objects
    assert sorted(one.key for one in deleted) == sorted(keys)
    oss_client.delete_bucket(oss.DeleteBucketRequest(bucket=BUCKET))
    assert not oss_client.is_bucket_exist(BUCKET)


check("PutBucket, ListBuckets", buckets)
check("GetBucketInfo, location, ACL", bucket_information)
check("PutObject", put_object)
check("GetObject: range, conditions, overrides", get_object)
check("HeadObject, GetObjectMeta", head_object)
check("callback: form and JSON, verified", callbacks)
check("callback: 203 and 400", callback_failures)
check("CopyObject", copy_object)
check("AppendObject", append_object)
check("ListObjects, V2, url encoding", listing)
check("multipart with callback", multipart)
check("UploadPartCopy", copied_parts)
check("AbortMultipartUpload", abort)
check("the client's own multipart upload", uploader)
check("object ACL and tags", acl_and_tags)
check("CORS and preflight", cors)
check("presigned URLs, callback in the query", presigned)
check("overwrite, MD5, wrong secret, anonymous", safety)
check("DeleteObject, DeleteMultipleObjects, DeleteBucket", deletion)
