"""The proxy of the stand-in for Boundary: it opens every connection, decides, and forwards."""

import fcntl
import http.client
import ipaddress
import socketserver
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components.boundary import Policy
from local.workspace.target import sent

_UPSTREAM_SECONDS = 30
_BLOCKED = """🚫 Request Blocked by Boundary

Request: {method} {path}
Host: {host}

To allow this request, restart boundary with:
  --allow "domain={host}"                    # Allow all methods to this host
  --allow "method={method} domain={host}"          # Allow only {method} requests to this host

For more help: https://github.com/coder/boundary
"""


class Log(Protocol):
    """Boundary's log."""

    def say(self, level: str, message: str, **more: object) -> None:
        """Write a line."""


class Audit(Protocol):
    """What takes decisions for coderd."""

    def add(self, method: str, url: str, rule: str | None) -> None:
        """Take a decision."""


class Proxy(ThreadingHTTPServer):
    """Listens on an address; raises OSError when it is taken.

    Args:
        address: host, empty for every interface, and port.
        policy: decides.
        folder: keeps the authority whose certificates the jailed programs trust.
        log: told each decision.
        audit: told each decision.

    Attributes:
        hosts: where hosts are that no name server knows, by `HOST:PORT`.
    """

    daemon_threads = True
    # A port that another process listens on is taken, as Go sees it.
    allow_reuse_address = True
    allow_reuse_port = False

    def __init__(
        self, address: tuple[str, int], policy: Policy, folder: Path, log: Log, audit: Audit
    ) -> None:
        super().__init__(address, _Handler)
        self.policy = policy
        self.log = log
        self.audit = audit
        self.authority = Authority(folder)
        self.hosts: dict[str, str] = {}

    def server_bind(self) -> None:
        """Take the address; HTTPServer's own looks its name up, which may take seconds."""
        socketserver.TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    """One connection: requests with whole URLs, or a CONNECT and what is asked in its tunnel."""

    server: Proxy
    protocol_version = "HTTP/1.1"
    tunnel = ""

    def handle_one_request(self) -> None:
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            return
        if self.command == "CONNECT" and not self.tunnel:
            self._open()
            return
        # Outside of a tunnel Boundary takes one request a connection.
        self.close_connection = not self.tunnel
        self._decide()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: what there is to log is logged by name."""

    def _open(self) -> None:
        self.tunnel = self.path
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        context = self.server.authority.context(self.path.rpartition(":")[0].strip("[]"))
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except (OSError, ssl.SSLError) as error:
            self.server.log.say("error", "TLS handshake failed in CONNECT tunnel", error=error)
            return
        self.setup_streams()
        self.close_connection = False

    def setup_streams(self) -> None:
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)

    def _decide(self) -> None:
        # Python's own has changed slashes in its path.
        target = self.requestline.split()[1]
        request = sent(target, self.headers.get("Host", ""), tls=bool(self.tunnel))
        if request is None:
            self.close_connection = True
            self.server.log.say("error", "Failed to read HTTP request", target=target)
            return
        url, host = request.url, request.host
        decision = self.server.policy.decide(self.command, url)
        rule = decision.rule.rule.text if decision.rule else None
        self.server.audit.add(self.command, url, rule)
        shown: dict[str, object] = {"method": self.command, "url": url, "host": host}
        if rule is None:
            self.server.log.say("warn", "DENY", **shown)
            self._block(host)
            return
        self.server.log.say("info", "ALLOW", **shown, rule=rule)
        self._forward(host, request.path)

    def _block(self, host: str) -> None:
        path = urlsplit(self.path).path if "://" in self.path else self.path.partition("?")[0]
        text = _BLOCKED.format(method=self.command, path=path, host=host).encode()
        head = (
            f"HTTP/1.1 403 Forbidden\r\nContent-Length: {len(text)}\r\n"
            "Content-Type: text/plain\r\n\r\n"
        )
        # A HEAD gets the length of a body that does not come.
        self.wfile.write(head.encode() + (b"" if self.command == "HEAD" else text))

    def _forward(self, host: str, target: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        kind = http.client.HTTPSConnection if self.tunnel else http.client.HTTPConnection
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("connection", "proxy-connection", "content-length", "host")
        }
        headers["Host"] = host
        upstream = kind(self.server.hosts.get(host, host), timeout=_UPSTREAM_SECONDS)
        try:
            upstream.request(self.command, target, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            # No answer at all: a tunnel is left open, and its client waits.
            self.server.log.say("error", "Failed to forward HTTPS request", error=error)
            return
        finally:
            upstream.close()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [
            f"{name}: {value}"
            for name, value in answer.getheaders()
            if name.lower() not in ("transfer-encoding", "content-length", "connection")
        ]
        lines += [f"Content-Length: {len(content)}", "", ""]
        sent = b"" if self.command == "HEAD" else content
        self.wfile.write("\r\n".join(lines).encode("latin-1", "replace") + sent)


class Authority:
    """Signs a certificate for each host that is asked for.

    Args:
        folder: gets `ca-cert.pem`, for the jailed programs, and the key beside it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._contexts: dict[str, ssl.SSLContext] = {}
        key_file, certificate_file = folder / "ca-key.pem", folder / "ca-cert.pem"
        with (folder / "ca.lock").open("w") as lock:
            # Each jail of a workspace has its Boundary, and two may start at once.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (key_file.exists() and certificate_file.exists()):
                self._make(key_file, certificate_file)
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101  made here
        self._key = key
        self._issuer = x509.load_pem_x509_certificate(certificate_file.read_bytes())

    def context(self, host: str) -> ssl.SSLContext:
        """Return what serves TLS as `host`."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._context(host)
            return self._contexts[host]

    @staticmethod
    def _make(key_file: Path, certificate_file: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coder boundary")])
        certificate = (
            _builder(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        key_file.touch(mode=0o600)
        key_file.write_bytes(_pem(key))
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _context(self, host: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        certificate = (
            _builder(name, self._issuer.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(_pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
