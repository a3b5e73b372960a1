// Drives the emulator with ali-oss, the official Node.js SDK: `drive_ali_oss.js ENDPOINT v1|v4`.
"use strict";

const assert = require("node:assert");
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const OSS = require("ali-oss");

const [, , ENDPOINT, VERSION] = process.argv;
const BUCKET = `ali-oss-${VERSION}`;
const KEY = "目录/a b+c&d e~*'().txt";
const client = make("test-secret");

function make(accessKeySecret, extra = {}) {
  return new OSS({
    endpoint: ENDPOINT,
    region: "oss-cn-hangzhou",
    accessKeyId: "test-id",
    accessKeySecret,
    bucket: BUCKET,
    authorizationV4: VERSION === "v4",
    ...extra,
  });
}

async function check(operation, work) {
  let result = "ok";
  let note = "";
  try {
    await work();
  } catch (error) {
    [result, note] = ["failed", String(error.stack || error).slice(0, 600)];
  }
  console.log(JSON.stringify({ client: `ali-oss ${VERSION.toUpperCase()}`, operation, result, note }));
}

async function expectError(work, code) {
  try {
    await work();
  } catch (error) {
    assert.ok(`${error.code} ${error.name} ${error.status}`.includes(code), `${error.code} ${error.name}: ${error.message}`);
    return;
  }
  assert.fail(`no ${code}`);
}

function fetchBody(url, options = {}) {
  return fetch(url, options).then(async (answer) => [answer.status, await answer.text(), answer.headers]);
}

// An application server that verifies the signature of each callback with the emulator's key.
const received = [];
let answer = [200, '{"Status":"OK"}'];
const application = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    const body = Buffer.concat(pieces);
    received.push({ body: body.toString(), verified: await verified(request, body) });
    response.writeHead(answer[0], { "Content-Type": "application/json", "Content-Length": answer[1].length });
    response.end(answer[1]);
  });
});

async function verified(request, body) {
  const url = Buffer.from(request.headers["x-oss-pub-key-url"], "base64").toString();
  const [, pem] = await fetchBody(url);
  const [rawPath, query] = request.url.split(/\?(.*)/s);
  const text = decodeURIComponent(rawPath) + (query === undefined ? "" : `?${query}`);
  const check = crypto.createVerify("RSA-MD5");
  check.update(Buffer.concat([Buffer.from(`${text}\n`), body]));
  return check.verify(pem, request.headers.authorization, "base64");
}

function expectOne(...texts) {
  const all = received.splice(0);
  assert.equal(all.length, 1, JSON.stringify(all));
  assert.ok(all[0].verified, "the signature does not verify");
  for (const text of texts) assert.ok(all[0].body.includes(text), `${text} in ${all[0].body}`);
}

async function run() {
  await new Promise((listening) => application.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${application.address().port}/call%20back?user=put_object`;
  // The SDK encodes the URL once more, so it is given without the encoded space.
  const plain = `http://127.0.0.1:${application.address().port}/callback?user=put_object`;
  const callback = {
    url: plain,
    body: "bucket=${bucket}&object=${object}&size=${size}&v=${x:var1}",
    customValue: { var1: "value 1" },
  };
  assert.ok(url);

  await check("PutBucket, ListBuckets", async () => {
    await client.putBucket(BUCKET);
    const { buckets } = await client.listBuckets();
    assert.ok(buckets.some((bucket) => bucket.name === BUCKET));
  });
  await check("GetBucketInfo, location, ACL", async () => {
    const { bucket } = await client.getBucketInfo(BUCKET);
    assert.equal(bucket.Name, BUCKET);
    assert.equal((await client.getBucketLocation(BUCKET)).location, "oss-cn-hangzhou");
    await client.putBucketACL(BUCKET, "public-read");
    assert.equal((await client.getBucketACL(BUCKET)).acl, "public-read");
    await client.putBucketACL(BUCKET, "private");
  });
  await check("PutObject", async () => {
    const options = { meta: { author: "me" }, mime: "text/x" };
    const done = await client.put(KEY, Buffer.from("hello world"), options);
    assert.equal(done.res.headers.etag, '"5EB63BBBE01EEED093CB22BB8F5ACDC3"');
    await client.put("empty", Buffer.from(""));
    await client.putStream("stream", fs.createReadStream(__filename));
  });
  await check("GetObject: range, conditions, overrides", async () => {
    const got = await client.get(KEY);
    assert.equal(got.content.toString(), "hello world");
    assert.equal(got.res.headers["x-oss-meta-author"], "me");
    assert.equal((await client.get(KEY, { headers: { Range: "bytes=1-3" } })).content.toString(), "ell");
    await expectError(() => client.get("none"), "NoSuchKey");
    await expectError(() => client.get(KEY, { headers: { "If-Match": '"0"' } }), "PreconditionFailed");
    assert.equal((await client.getStream(KEY)).res.status, 200);
  });
  await check("HeadObject, GetObjectMeta", async () => {
    const head = await client.head(KEY);
    assert.equal(head.res.headers["content-length"], "11");
    assert.deepEqual(head.meta, { author: "me" });
    assert.equal((await client.getObjectMeta(KEY)).res.headers["content-length"], "11");
    await expectError(() => client.head("none"), "404");
  });
  await check("callback: form and JSON, verified", async () => {
    const done = await client.put("callback", Buffer.from("x"), { callback });
    assert.deepEqual(done.data, { Status: "OK" });
    expectOne(`bucket=${BUCKET}`, "object=callback", "size=1", "v=value%201");
    const json = { ...callback, body: '{"o":${object},"s":${size},"v":${x:var1}}', contentType: "application/json" };
    await client.put("callback", Buffer.from("x"), { callback: json });
    expectOne('{"o":"callback","s":1,"v":"value 1"}');
  });
  await check("callback: 203 and 400", async () => {
    answer = [500, "no"];
    await expectError(() => client.put("kept", Buffer.from("x"), { callback }), "CallbackFailed");
    answer = [200, '{"Status":"OK"}'];
    received.length = 0;
    assert.equal((await client.get("kept")).content.toString(), "x");
    const headers = { "x-oss-callback": "e30" };
    await expectError(() => client.put("no", Buffer.from("x"), { headers }), "InvalidArgument");
  });
  await check("CopyObject", async () => {
    await client.copy("copy", KEY);
    assert.equal((await client.get("copy")).content.toString(), "hello world");
  });
  await check("AppendObject", async () => {
    const first = await client.append("log", Buffer.from("hello "));
    await client.append("log", Buffer.from("world"), { position: first.nextAppendPosition });
    assert.equal((await client.get("log")).content.toString(), "hello world");
    await expectError(() => client.append("log", Buffer.from("x"), { position: 3 }), "PositionNotEqualToLength");
  });
  await check("ListObjects, V2, url encoding", async () => {
    const names = ["list/a", "list/b/1", "list/b/2", "list/c", "list/é 文&<>"];
    for (const name of names) await client.put(name, Buffer.from("x"));
    const found = [];
    let marker;
    do {
      const page = await client.list({ prefix: "list/", "max-keys": 2, ...(marker && { marker }) });
      found.push(...page.objects.map((one) => one.name));
      marker = page.nextMarker;
    } while (marker);
    assert.deepEqual(found, [...names].sort());
    const page = await client.listV2({ prefix: "list/", delimiter: "/" });
    assert.deepEqual(page.prefixes, ["list/b/"]);
    assert.equal(page.keyCount, "4");
  });
  await check("multipart with callback", async () => {
    const key = "multi 文/part";
    const { uploadId } = await client.initMultipartUpload(key, { mime: "text/y" });
    const data = [Buffer.alloc(102400, "A"), Buffer.alloc(1000, "B")];
    const files = data.map((bytes, index) => {
      const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "interop-")), String(index));
      fs.writeFileSync(file, bytes);
      return file;
    });
    const done = [];
    for (const [index, number] of [[0, 1], [1, 3]]) {
      const part = await client.uploadPart(key, uploadId, number, files[index], 0, data[index].length);
      done.push({ number, etag: part.etag });
    }
    files.forEach((file) => fs.rmSync(path.dirname(file), { recursive: true }));
    const listed = await client.listParts(key, uploadId);
    assert.deepEqual(listed.parts.map((part) => part.Size), ["102400", "1000"]);
    const { uploads } = await client.listUploads({ "max-uploads": 10 });
    assert.ok(uploads.some((one) => one.uploadId === uploadId));
    await expectError(() => client.completeMultipartUpload(key, uploadId, [{ number: 1, etag: "0" }]), "InvalidPart");
    const completed = await client.completeMultipartUpload(key, uploadId, done, { callback });
    assert.deepEqual(completed.data, { Status: "OK" });
    expectOne("size=103400");
    assert.ok((await client.get(key)).content.equals(Buffer.concat(data)));
    await expectError(() => client.completeMultipartUpload(key, uploadId, done), "NoSuchUpload");
  });
  await check("UploadPartCopy", async () => {
    await client.put("source", Buffer.alloc(204800, "0123456789"));
    await client.multipartUploadCopy("copied", { sourceKey: "source", sourceBucketName: BUCKET }, { partSize: 102400 });
    assert.ok((await client.get("copied")).content.equals(Buffer.alloc(204800, "0123456789")));
  });
  await check("AbortMultipartUpload", async () => {
    const { uploadId } = await client.initMultipartUpload("aborted");
    await client.abortMultipartUpload("aborted", uploadId);
    await expectError(() => client.abortMultipartUpload("aborted", uploadId), "NoSuchUpload");
  });
  await check("the client's own multipart upload", async () => {
    const done = await client.multipartUpload("resumable", Buffer.alloc(500000, "r"), { partSize: 102400, parallel: 3, callback });
    assert.deepEqual(done.data, { Status: "OK" });
    expectOne("object=resumable", "size=500000");
    assert.equal((await client.get("resumable")).content.length, 500000);
  });
  await check("object ACL and tags", async () => {
    await client.putACL(KEY, "public-read");
    assert.equal((await client.getACL(KEY)).acl, "public-read");
    await client.putObjectTagging(KEY, { name: "value 1" });
    assert.deepEqual((await client.getObjectTagging(KEY)).tag, { name: "value 1" });
    await client.deleteObjectTagging(KEY);
    assert.deepEqual((await client.getObjectTagging(KEY)).tag, {});
  });
  await check("CORS and preflight", async () => {
    const rule = { allowedOrigin: "http://a.example", allowedMethod: "PUT", allowedHeader: "*", maxAgeSeconds: "60" };
    await client.putBucketCORS(BUCKET, [rule]);
    assert.equal((await client.getBucketCORS(BUCKET)).rules[0].allowedOrigin, "http://a.example");
    const headers = { Origin: "http://a.example", "Access-Control-Request-Method": "PUT" };
    const [status, , allowed] = await fetchBody(`${ENDPOINT}/${BUCKET}/k`, { method: "OPTIONS", headers });
    assert.equal(status, 200);
    assert.equal(allowed.get("access-control-allow-origin"), "http://a.example");
    await client.deleteBucketCORS(BUCKET);
    await expectError(() => client.getBucketCORS(BUCKET), "NoSuchCORSConfiguration");
  });
  await check("presigned URLs, callback in the query", async () => {
    // The SDK signs no URL for an IP address in V1, and forgets the bucket in V4; a name makes it right in both.
    const named = make("test-secret", { endpoint: ENDPOINT.replace("127.0.0.1", "localhost") });
    // With a name the bucket is in the host; Node.js resolves only localhost itself, so the host goes in a header.
    const send = (signed, options = {}) => {
      const target = new URL(signed);
      const sent = { method: options.method ?? "GET", headers: { ...options.headers, Host: target.host } };
      return new Promise((resolve, reject) => {
        const request = http.request(
          { ...sent, host: "127.0.0.1", port: target.port, path: target.pathname + target.search },
          (response) => {
            const pieces = [];
            response.on("data", (piece) => pieces.push(piece));
            response.on("end", () => resolve([response.statusCode, Buffer.concat(pieces).toString()]));
          },
        );
        request.on("error", reject);
        request.end(options.body);
      });
    };
    const sign = (method, key, extra = {}) => VERSION === "v4"
      ? named.signatureUrlV4(method, 60, { headers: extra["Content-Type"] ? { "Content-Type": extra["Content-Type"] } : {}, queries: extra.queries ?? {} }, key)
      : named.signatureUrl(key, { method, expires: 60, ...extra });
    const type = { "Content-Type": "text/z" };
    const put = await sign("PUT", "pre signed+1", type);
    assert.equal((await send(put, { method: "PUT", body: "signed", headers: type }))[0], 200);
    assert.equal((await send(put, { method: "PUT", body: "x", headers: { "Content-Type": "text/other" } }))[0], 403);
    assert.deepEqual(await send(await sign("GET", "pre signed+1")), [200, "signed"]);
    const fields = Buffer.from(JSON.stringify({ callbackUrl: url, callbackBody: callback.body })).toString("base64");
    const extra = VERSION === "v4" ? { queries: { callback: fields } } : { callback };
    const withCallback = await sign("PUT", "pre-callback", extra);
    assert.deepEqual(await send(withCallback, { method: "PUT", body: "signed" }), [200, '{"Status":"OK"}']);
    expectOne("object=pre-callback");
  });
  await check("PostObject with callback", async () => {
    const expiration = new Date(Date.now() + 60000).toISOString();
    const parameter = Buffer.from(JSON.stringify({ callbackUrl: url, callbackBody: callback.body })).toString("base64");
    const policy = { expiration, conditions: [{ bucket: BUCKET }, ["starts-with", "$key", "form/"], ["eq", "$callback", parameter]] };
    const form = new FormData();
    const fields = { key: "form/${filename}", callback: parameter, "x:var1": "value 1" };
    if (VERSION === "v4") {
      const date = new Date();
      const compact = date.toISOString().replace(/[-:]|\.\d{3}/g, "");
      const credential = `test-id/${compact.slice(0, 8)}/cn-hangzhou/oss/aliyun_v4_request`;
      const signed = { "x-oss-signature-version": "OSS4-HMAC-SHA256", "x-oss-credential": credential, "x-oss-date": compact };
      policy.conditions.push(...Object.entries(signed).map(([name, value]) => ({ [name]: value })));
      Object.assign(fields, signed, {
        policy: Buffer.from(JSON.stringify(policy)).toString("base64"),
        "x-oss-signature": client.signPostObjectPolicyV4(policy, date),
      });
    } else {
      const signed = client.calculatePostSignature(policy);
      Object.assign(fields, { OSSAccessKeyId: signed.OSSAccessKeyId, Signature: signed.Signature, policy: signed.policy });
    }
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new Blob(["picture"], { type: "image/png" }), "picture.png");
    const [status, body] = await fetchBody(`${ENDPOINT}/${BUCKET}/`, { method: "POST", body: form });
    assert.deepEqual([status, body], [200, '{"Status":"OK"}']);
    expectOne("object=form%2Fpicture.png", "v=value%201");
  });
  await check("overwrite, MD5, wrong secret, anonymous", async () => {
    const headers = { "x-oss-forbid-overwrite": "true" };
    await expectError(() => client.put(KEY, Buffer.from("y"), { headers }), "FileAlreadyExists");
    await expectError(() => make("wrong").put("k", Buffer.from("y")), "SignatureDoesNotMatch");
    assert.equal((await fetchBody(`${ENDPOINT}/${BUCKET}/copy`))[0], 403);
  });
  await check("DeleteObject, DeleteMultipleObjects, DeleteBucket", async () => {
    await client.delete("copy");
    await expectError(() => client.deleteBucket(BUCKET), "BucketNotEmpty");
    const { objects } = await client.list({ "max-keys": 1000 });
    const { deleted } = await client.deleteMulti(objects.map((one) => one.name));
    assert.equal(deleted.length, objects.length);
    await client.deleteBucket(BUCKET);
    await expectError(() => client.getBucketInfo(BUCKET), "NoSuchBucket");
  });
  application.close();
}

run().then(() => process.exit(0));
