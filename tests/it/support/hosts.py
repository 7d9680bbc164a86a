"""AWS's own host names with TLS in front of a local AWS: `python hosts.py UPSTREAM_PORT SECRET FOLDER`.

Makes a CA (FOLDER/ca.pem) and answers each name with a certificate for it. A bucket in the host name becomes the first part of
the path. Every request's SigV4 signature is computed anew from what was sent, and it is written down in FOLDER/hosts.jsonl the
way `record.rs` does, with its host and what was found of its signature. Prints its port, ends when stdin does.
"""

import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import re
import ssl
import sys
import threading
import time
from urllib.parse import parse_qsl, quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

UPSTREAM, SECRET, FOLDER = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade"}
# bucket.s3.eu-west-1.amazonaws.com, bucket.s3.amazonaws.com, bucket.s3.dualstack.eu-west-1.amazonaws.com
BUCKET = re.compile(r"(?P<bucket>.+)\.(?P<rest>s3[.-](dualstack\.)?([a-z]{2}-[a-z-]+-\d\.)?amazonaws\.com)$")

_key = ec.generate_private_key(ec.SECP256R1())
_lock = threading.Lock()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject: str, authority: bool) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(_name(subject if authority else "a name of AWS")).issuer_name(_name("stack's tests"))
    built = built.public_key(_key.public_key()).serial_number(x509.random_serial_number())
    built = built.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
    built = built.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    return built.sign(_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _context(name: str, known={}) -> ssl.SSLContext:
    with _lock:
        if name not in known:
            file = FOLDER / f"{name}.pem"
            private = _key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            file.write_bytes(private + _pem(_certificate(name, authority=False)))
            known[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            known[name].load_cert_chain(file)
        return known[name]


def _by_name(socket, name, _context_of_all):
    socket.context = _context(name or "nameless.invalid")


# Signatures


def _canonical_path(service: str, path: str) -> str:
    # S3 signs the path as it is sent; everybody else quotes it once more.
    return path if service == "s3" else quote(path, safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parse_qsl(query, keep_blank_values=True)]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def signature(method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> tuple[str, str, str]:
    """`right`, or what is wrong; the region and the service that it is signed for."""
    fields = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(" ".join(value.split()))
    said = fields.get("authorization", [""])[0]
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})", said)
    if not found:
        return f"none: {said[:60]}", "", ""
    _, day, region, service, _ = found[1].split("/")
    signed = found[2].split(";")
    if "host" not in signed:
        return "the host is not signed", region, service
    hashed = hashlib.sha256(body).hexdigest()
    payload = fields.get("x-amz-content-sha256", [hashed])[0]
    if re.fullmatch(r"[0-9a-f]{64}", payload) and payload != hashed:
        return "another body was signed", region, service
    path, _, query = target.partition("?")
    canonical = "\n".join(
        [
            method,
            _canonical_path(service, path),
            _canonical_query(query),
            *(f"{name}:{','.join(fields.get(name, ['']))}" for name in signed),
            "",
            ";".join(signed),
            payload,
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{fields['x-amz-date'][0]}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    computed = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return ("right" if hmac.compare_digest(computed, found[3]) else f"wrong:\n{canonical}"), region, service


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _serve(self):
        body, host, target = self._body(), self.headers["Host"], self.path
        headers = list(self.headers.items())
        said, region, service = signature(self.command, target, headers, body)
        found = BUCKET.match(host)
        if found:
            target, host = f"/{found['bucket']}{target}", found["rest"]
        upstream = http.client.HTTPConnection("127.0.0.1", UPSTREAM)
        upstream.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
        upstream.putheader("Host", host)
        for name, value in headers:
            if name.lower() not in HOP | {"host", "expect", "content-length"}:
                upstream.putheader(name, value)
        if body or self.headers.get("Content-Length"):
            upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        content = answer.read()
        answered = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
        line = {
            "at": time.time(),
            "method": self.command,
            "target": target,
            "headers": [(name, host if name.lower() == "host" else value) for name, value in headers],
            "body": body.decode("latin-1"),
            "status": answer.status,
            "answered": answered,
            "answer": content.decode("latin-1"),
            "by_aws": True,
            "host": self.headers["Host"],
            "signature": said,
            "region": region,
            "service": service,
        }
        with _lock, (FOLDER / "hosts.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response_only(answer.status)
        bare = self.command == "HEAD" or answer.status in (204, 304)
        for name, value in answered:
            if name.lower() != "content-length" or bare and answer.status != 204:
                self.send_header(name, value)
        if not bare:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not bare:
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.all = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.all.sni_callback = _by_name

    def finish_request(self, request, address):
        # The handshake in the connection's own thread: a slow one is nobody else's business.
        try:
            with self.all.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, address)
        except (ssl.SSLError, OSError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)


def main() -> None:
    (FOLDER / "ca.pem").write_bytes(_pem(_certificate("stack's tests", authority=True)))
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
