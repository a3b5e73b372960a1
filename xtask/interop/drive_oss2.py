"""Drives the emulator with oss2, the official Python SDK, version 1: `drive_oss2.py ENDPOINT v1|v4`."""

import base64
import hashlib
import hmac
import json
import sys
import tempfile
import time

import oss2
import requests

from harness import CallbackServer, Table, expect_error, post_form

ENDPOINT, VERSION = sys.argv[1], sys.argv[2]
ID, SECRET, REGION, BUCKET = "test-id", "test-secret", "cn-hangzhou", f"oss2-{VERSION}"
table = Table(f"oss2 {VERSION.upper()}")
check = table.check
application = CallbackServer()


def auth(secret=SECRET):
    return oss2.AuthV4(ID, secret) if VERSION == "v4" else oss2.Auth(ID, secret)


OPTIONS = {"region": REGION} if VERSION == "v4" else {}
bucket = oss2.Bucket(auth(), ENDPOINT, BUCKET, **OPTIONS)
service = oss2.Service(auth(), ENDPOINT, **OPTIONS)
KEY = "目录/a b+c&d?e%2Ff~*'().txt"


def buckets():
    bucket.create_bucket(oss2.BUCKET_ACL_PRIVATE)
    assert BUCKET in [found.name for found in oss2.BucketIterator(service)]


def bucket_information():
    information = bucket.get_bucket_info()
    assert (information.name, information.acl.grant) == (BUCKET, "private")
    assert bucket.get_bucket_location().location == f"oss-{REGION}"
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)
    assert bucket.get_bucket_acl().acl == "public-read"
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PRIVATE)


def put_object():
    done = bucket.put_object(KEY, b"hello world", headers={"x-oss-meta-author": "me", "Content-Type": "text/x"})
    assert (done.status, done.etag) == (200, "5EB63BBBE01EEED093CB22BB8F5ACDC3")
    assert done.crc == 5981764153023615706
    assert bucket.put_object("empty", b"").status == 200
    assert bucket.put_object("stream", iter([b"a" * 70000, b"b" * 70000])).status == 200


def get_object():
    got = bucket.get_object(KEY)
    assert got.read() == b"hello world" and got.headers["x-oss-meta-author"] == "me"
    assert bucket.get_object(KEY, byte_range=(1, 3)).read() == b"ell"
    assert bucket.get_object(KEY, byte_range=(None, 5)).read() == b"world"
    params = {"response-content-type": "text/csv"}
    assert bucket.get_object(KEY, params=params).headers["content-type"] == "text/csv"
    expect_error(lambda: bucket.get_object("none"), "NoSuchKey")
    etag = {"If-None-Match": '"5EB63BBBE01EEED093CB22BB8F5ACDC3"'}
    expect_error(lambda: bucket.get_object(KEY, headers=etag), "304")
    expect_error(lambda: bucket.get_object(KEY, headers={"If-Match": '"0"'}), "PreconditionFailed")


def head_object():
    head = bucket.head_object(KEY)
    assert (head.content_length, head.content_type, head.object_type) == (11, "text/x", "Normal")
    assert bucket.get_object_meta(KEY).content_length == 11
    assert bucket.object_exists(KEY) and not bucket.object_exists("none")
    expect_error(lambda: bucket.head_object("none"), "404")


def callbacks():
    headers = {"x-oss-callback": application.parameter(), "x-oss-callback-var": application.variables()}
    done = bucket.put_object("callback", b"x", headers=headers)
    assert done.resp.read() == b'{"Status":"OK"}'
    application.expect_one(f"bucket={BUCKET}", "object=callback", "size=1", "v=value%201")
    headers["x-oss-callback"] = application.parameter('{"o":${object},"s":${size},"v":${x:var1}}', "application/json")
    bucket.put_object("callback", b"x", headers=headers)
    application.expect_one('{"o":"callback","s":1,"v":"value 1"}')


def callback_failures():
    headers = {"x-oss-callback": application.parameter()}
    application.answer = (500, b"no")
    done = bucket.put_object("kept", b"x", headers=headers)
    assert done.status == 203 and b"CallbackFailed" in done.resp.read()
    application.answer = (200, b'{"Status":"OK"}')
    application.received.clear()
    assert bucket.get_object("kept").read() == b"x"
    expect_error(lambda: bucket.put_object("no", b"x", headers={"x-oss-callback": "e30"}), "InvalidArgument")
    assert not bucket.object_exists("no")


def copy_object():
    bucket.copy_object(BUCKET, KEY, "copy")
    assert bucket.get_object("copy").read() == b"hello world"
    assert bucket.head_object("copy").headers["x-oss-meta-author"] == "me"


def append_object():
    first = bucket.append_object("log", 0, b"hello ", init_crc=0)
    second = bucket.append_object("log", first.next_position, b"world", init_crc=first.crc)
    assert second.next_position == 11 and bucket.get_object("log").read() == b"hello world"
    expect_error(lambda: bucket.append_object("log", 3, b"x"), "PositionNotEqualToLength")
    expect_error(lambda: bucket.append_object(KEY, 11, b"x"), "ObjectNotAppendable")


def listing():
    names = ["list/a", "list/b/1", "list/b/2", "list/c", "list/\x01\x1f\n", "list/é 文&<>"]
    for name in names:
        bucket.put_object(name, b"x")
    found = [one.key for one in oss2.ObjectIterator(bucket, prefix="list/", max_keys=2)]
    assert found == sorted(names), found
    assert [one.key for one in oss2.ObjectIteratorV2(bucket, prefix="list/", max_keys=2)] == sorted(names)
    page = bucket.list_objects("list/", delimiter="/")
    assert page.prefix_list == ["list/b/"] and len(page.object_list) == 4
    page = bucket.list_objects_v2("list/", delimiter="/", start_after="list/b/")
    assert [one.key for one in page.object_list] == ["list/c", "list/é 文&<>"] and page.prefix_list == []


def multipart():
    key, part_a, part_b = "multi 文/part", b"A" * 102400, b"B" * 1000
    upload = bucket.init_multipart_upload(key, headers={"Content-Type": "text/y"}).upload_id
    parts = []
    for number, data in ((1, part_a), (3, part_b)):
        sent = bucket.upload_part(key, upload, number, data)
        parts.append(oss2.models.PartInfo(number, sent.etag, size=len(data), part_crc=sent.crc))
    listed = [(part.part_number, part.size, part.etag) for part in oss2.PartIterator(bucket, key, upload, max_parts=1)]
    assert listed == [(part.part_number, part.size, part.etag) for part in parts], listed
    assert upload in [one.upload_id for one in oss2.MultipartUploadIterator(bucket)]
    wrong = [oss2.models.PartInfo(1, "0" * 32)]
    expect_error(lambda: bucket.complete_multipart_upload(key, upload, wrong), "InvalidPart")
    headers = {"x-oss-callback": application.parameter()}
    done = bucket.complete_multipart_upload(key, upload, parts, headers=headers)
    assert done.status == 200 and done.crc is not None
    application.expect_one("size=103400")
    assert bucket.get_object(key).read() == part_a + part_b
    assert bucket.head_object(key).content_type == "text/y"
    expect_error(lambda: bucket.complete_multipart_upload(key, upload, parts), "NoSuchUpload")


def copied_parts():
    bucket.put_object("source", b"0123456789" * 20480)
    upload = bucket.init_multipart_upload("copied").upload_id
    first = bucket.upload_part_copy(BUCKET, "source", (0, 102399), "copied", upload, 1)
    second = bucket.upload_part_copy(BUCKET, "source", (102400, 204799), "copied", upload, 2)
    parts = [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)]
    bucket.complete_multipart_upload("copied", upload, parts)
    assert bucket.get_object("copied").read() == b"0123456789" * 20480


def abort():
    upload = bucket.init_multipart_upload("aborted").upload_id
    bucket.upload_part("aborted", upload, 1, b"x")
    bucket.abort_multipart_upload("aborted", upload)
    expect_error(lambda: bucket.abort_multipart_upload("aborted", upload), "NoSuchUpload")


def resumable():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"resumable " * 50000)
        file.flush()
        oss2.resumable_upload(bucket, "resumable", file.name, multipart_threshold=102400, part_size=102400, num_threads=3)
        assert bucket.get_object("resumable").read() == b"resumable " * 50000


def acl_and_tags():
    bucket.put_object_acl(KEY, oss2.OBJECT_ACL_PUBLIC_READ)
    assert bucket.get_object_acl(KEY).acl == "public-read"
    rule = oss2.models.TaggingRule()
    rule.add("名", "value 1")
    bucket.put_object_tagging(KEY, oss2.models.Tagging(rule))
    assert bucket.get_object_tagging(KEY).tag_set.tagging_rule == {"名": "value 1"}
    bucket.delete_object_tagging(KEY)
    assert bucket.get_object_tagging(KEY).tag_set.tagging_rule == {}
    bucket.put_object("tagged", b"x", headers={"x-oss-tagging": "a=1&b=2"})
    assert bucket.get_object_tagging("tagged").tag_set.tagging_rule == {"a": "1", "b": "2"}


def cors():
    rule = oss2.models.CorsRule(allowed_origins=["http://a.example"], allowed_methods=["PUT"], allowed_headers=["*"], max_age_seconds=60)
    bucket.put_bucket_cors(oss2.models.BucketCors([rule]))
    assert bucket.get_bucket_cors().rules[0].allowed_origins == ["http://a.example"]
    preflight = {"Origin": "http://a.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    answer = requests.options(f"{ENDPOINT}/{BUCKET}/k", headers=preflight)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "http://a.example")
    preflight["Origin"] = "http://b.example"
    assert requests.options(f"{ENDPOINT}/{BUCKET}/k", headers=preflight).status_code == 403
    bucket.delete_bucket_cors()
    expect_error(bucket.get_bucket_cors, "NoSuchCORSConfiguration")


def presigned():
    url = bucket.sign_url("PUT", "pre signed+1", 60, headers={"Content-Type": "text/z"}, slash_safe=True)
    assert requests.put(url, data=b"signed", headers={"Content-Type": "text/z"}).status_code == 200
    assert requests.put(url, data=b"x", headers={"Content-Type": "text/other"}).status_code == 403
    assert requests.get(bucket.sign_url("GET", "pre signed+1", 60)).content == b"signed"
    expired = bucket.sign_url("GET", "pre signed+1", 1 if VERSION == "v4" else -10)
    if VERSION == "v4":
        time.sleep(2.1)
    assert requests.get(expired).status_code == 403
    params = {"callback": application.parameter(), "callback-var": application.variables()}
    url = bucket.sign_url("PUT", "pre-callback", 60, params=params)
    assert requests.put(url, data=b"signed").content == b'{"Status":"OK"}'
    application.expect_one("object=pre-callback", "v=value%201")


def post_object():
    day = time.strftime("%Y%m%d", time.gmtime())
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    credential = f"{ID}/{day}/{REGION}/oss/aliyun_v4_request"
    callback = application.parameter()
    conditions = [{"bucket": BUCKET}, ["starts-with", "$key", "form/"], ["content-length-range", 1, 1000], ["eq", "$callback", callback]]
    fields = {"key": "form/${filename}", "callback": callback, "x:var1": "value 1", "success_action_status": "200"}
    if VERSION == "v4":
        signed = {"x-oss-signature-version": "OSS4-HMAC-SHA256", "x-oss-credential": credential, "x-oss-date": date}
        conditions += [{name: value} for name, value in signed.items()]
        fields.update(signed)
    expiration = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 60))
    policy = base64.b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode()).decode()
    fields["policy"] = policy
    if VERSION == "v4":
        key = ("aliyun_v4" + SECRET).encode()
        for step in (day, REGION, "oss", "aliyun_v4_request"):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        fields["x-oss-signature"] = hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()
    else:
        fields["OSSAccessKeyId"] = ID
        fields["Signature"] = base64.b64encode(hmac.new(SECRET.encode(), policy.encode(), hashlib.sha1).digest()).decode()
    url = f"{ENDPOINT}/{BUCKET}/"
    status, _, body = post_form(url, fields, b"\x89PNG")
    assert (status, body) == (200, b'{"Status":"OK"}'), (status, body)
    application.expect_one("object=form%2Fpicture.png", "v=value%201")
    assert bucket.get_object("form/picture.png").headers["content-type"] == "image/png"
    status, _, body = post_form(url, {**fields, "key": "other"}, b"x")
    assert status == 403 and b"AccessDenied" in body, body
    status, _, body = post_form(url, fields, b"x" * 2000)
    assert status == 400 and b"EntityTooLarge" in body, body


def safety():
    expect_error(lambda: bucket.put_object(KEY, b"y", headers={"x-oss-forbid-overwrite": "true"}), "FileAlreadyExists")
    wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
    expect_error(lambda: bucket.put_object("md5", b"y", headers=wrong), "InvalidDigest")
    assert not bucket.object_exists("md5")
    stranger = oss2.Bucket(auth("wrong"), ENDPOINT, BUCKET, **OPTIONS)
    expect_error(lambda: stranger.put_object("k", b"y"), "SignatureDoesNotMatch")
    assert requests.get(f"{ENDPOINT}/{BUCKET}/copy").status_code == 403
    expect_error(lambda: oss2.Bucket(auth(), ENDPOINT, "no-such-bucket", **OPTIONS).put_object("k", b""), "NoSuchBucket")


def deletion():
    bucket.delete_object("copy")
    assert not bucket.object_exists("copy")
    expect_error(bucket.delete_bucket, "BucketNotEmpty")
    keys = [one.key for one in oss2.ObjectIterator(bucket)]
    assert sorted(bucket.batch_delete_objects(keys).deleted_keys) == sorted(keys)
    bucket.delete_bucket()
    expect_error(bucket.get_bucket_info, "NoSuchBucket")


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
check("the client's own multipart upload", resumable)
check("object ACL and tags", acl_and_tags)
check("CORS and preflight", cors)
check("presigned URLs, callback in the query", presigned)
check("PostObject with callback", post_object)
check("overwrite, MD5, wrong secret, anonymous", safety)
check("DeleteObject, DeleteMultipleObjects, DeleteBucket", deletion)
