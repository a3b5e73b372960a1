"""What the Python drivers share: a table of results and an application server that verifies callbacks."""

import base64
import hashlib
import http.server
import json
import threading
import traceback
import urllib.parse
import urllib.request


class Table:
    """Runs checks and prints one line of JSON for each."""

    def __init__(self, client):
        self.client = client

    def check(self, operation, work):
        try:
            work()
            self.line(operation, "ok", "")
        except Exception as error:  # any failure of a client is a result, not the end of the run
            where = traceback.extract_tb(error.__traceback__)[-1]
            note = f"{type(error).__name__}: {error} ({where.filename.rsplit('/', 1)[-1]}:{where.lineno})"
            self.line(operation, "failed", note[:600])

    def line(self, operation, result, note):
        print(json.dumps({"client": self.client, "operation": operation, "result": result, "note": note}), flush=True)


class CallbackServer:
    """An application server: verifies the signature of each callback with the emulator's key, and answers."""

    def __init__(self):
        self.received = []
        self.answer = (200, b'{"Status":"OK"}')
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.received.append({"body": body.decode(), "verified": verified(self.path, self.headers, body)})
                status, text = outer.answer
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/call%20back?user=put_object"

    def parameter(self, body="bucket=${bucket}&object=${object}&size=${size}&v=${x:var1}", kind=None):
        fields = {"callbackUrl": self.url(), "callbackBody": body}
        if kind:
            fields["callbackBodyType"] = kind
        return base64.b64encode(json.dumps(fields).encode()).decode()

    def variables(self):
        return base64.b64encode(json.dumps({"x:var1": "value 1"}).encode()).decode()

    def expect_one(self, *texts):
        """The one callback since the last time; its signature is right and its body holds the texts."""
        received, self.received = self.received, []
        assert len(received) == 1, received
        assert received[0]["verified"], "the signature does not verify"
        for text in texts:
            assert text in received[0]["body"], (text, received[0]["body"])


def verified(target, headers, body):
    """RSA PKCS#1 v1.5 with MD5 over the decoded path, the raw query, a line feed and the body."""
    url = base64.b64decode(headers["x-oss-pub-key-url"]).decode()
    pem = urllib.request.urlopen(url).read().decode()
    modulus, exponent = public_numbers(base64.b64decode("".join(pem.strip().splitlines()[1:-1])))
    path, mark, query = target.partition("?")
    text = urllib.parse.unquote_to_bytes(path) + (mark + query).encode() + b"\n" + body
    length = (modulus.bit_length() + 7) // 8
    info = bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(text).digest()
    wanted = b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info
    signature = int.from_bytes(base64.b64decode(headers["authorization"]), "big")
    return pow(signature, exponent, modulus).to_bytes(length, "big") == wanted


def public_numbers(der):
    """Modulus and exponent of a SubjectPublicKeyInfo."""

    def element(data):
        length, start = data[1], 2
        if length & 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
        return data[start : start + length], data[start + length :]

    info, _ = element(der)
    _, rest = element(info)
    bits, _ = element(rest)
    key, _ = element(bits[1:])
    modulus, rest = element(key)
    exponent, _ = element(rest)
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


def expect_error(work, code, status=None):
    """The work fails with that code of OSS."""
    try:
        work()
    except Exception as error:
        text = f"{getattr(error, 'code', '')} {error}"
        assert code in text, text
        assert status is None or str(status) in text or getattr(error, "status", None) == status, text
        return
    raise AssertionError(f"no {code}")


def post_form(url, fields, content, filename="picture.png"):
    """A browser's form; gives status, headers and body of the answer."""
    boundary = "----interop-boundary"
    body = b""
    for name, value in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    body += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(url, data=body, method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read()
