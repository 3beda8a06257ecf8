"""A key service for the stack's secrets: Vault's transit engine, as far as Pulumi asks it.

From a passphrase the engine derives the key anew in every run, by a million rounds of PBKDF2
(pulumi 3.259, sdk/go/common/resource/config/crypt.go), which are half of the processor time of a
preview. A key service is asked for it, as those of operators are.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

PROVIDER: Final = "hashivault://firewalled-coder"
"""The secrets provider of stacks whose key it keeps."""

_PATH: Final = "/v1/transit/"
_KEY: Final = "firewalled-coder"
_PREFIX: Final = "vault:v1:"
_NONCE_BYTES: Final = 12


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Keys:
    """Encrypts with one key and decrypts again.

    Args:
        file: holds what the key is made of; only its owner may read it.
    """

    def __init__(self, file: Path) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(hashlib.sha256(file.read_bytes()).digest())

    def answer(self, path: str, body: Any) -> dict[str, str]:
        """Return what Vault answers to a request, as `data`; raises _Refused."""
        if path == f"{_PATH}encrypt/{_KEY}":
            nonce = secrets.token_bytes(_NONCE_BYTES)
            sealed = self._cipher.encrypt(nonce, base64.b64decode(body["plaintext"]), None)
            return {"ciphertext": _PREFIX + base64.b64encode(nonce + sealed).decode()}
        if path == f"{_PATH}decrypt/{_KEY}":
            return {"plaintext": base64.b64encode(self._opened(body["ciphertext"])).decode()}
        raise _Refused(HTTPStatus.FORBIDDEN, "permission denied")

    def _opened(self, ciphertext: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            sealed = base64.b64decode(ciphertext.removeprefix(_PREFIX), validate=True)
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (ValueError, InvalidTag):
            raise _Refused(
                HTTPStatus.BAD_REQUEST, "cipher: message authentication failed"
            ) from None


@contextmanager
def serve(file: Path) -> Iterator[dict[str, str]]:
    """Serve the key in a file for as long as the context lasts; yields the engine's environment."""
    keys, token = Keys(file), secrets.token_hex(16)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                if not secrets.compare_digest(self.headers.get("X-Vault-Token", ""), token):
                    raise _Refused(HTTPStatus.FORBIDDEN, "permission denied")
                self._send(HTTPStatus.OK, {"data": keys.answer(self.path, json.loads(content))})
            except _Refused as refused:
                self._send(refused.status, {"errors": [str(refused)]})

        def _send(self, status: HTTPStatus, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield {
            "VAULT_SERVER_URL": f"http://127.0.0.1:{server.server_port}",
            "VAULT_SERVER_TOKEN": token,
        }
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
