"""Authorities as Python takes them, and what is wrong with a certificate, with the way out."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VARIABLE: Final = "SSL_CERT_FILE"
"""Names a file of authorities to trust; OpenSSL and Go's crypto/x509 read it."""

_CERTIFICATE: Final = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----.*?-----END (?P=kind)-----", re.DOTALL
)
_VERIFY: Final = re.compile(r"certificate verify failed: (.*?)(?: \(_ssl\.c:\d+\))?$")


def certificates(bundle: str) -> str | None:
    """Return what `ssl.create_default_context` takes of a bundle in PEM; None of an empty one.

    Between certificates their authorities' names may stand in any language, which OpenSSL's files
    and Go pass over; Python takes ASCII alone.
    """
    blocks = "\n".join(found[0] for found in _CERTIFICATE.finditer(bundle))
    return blocks or bundle.encode("ascii", "replace").decode() or None


def certificate_problem(error: BaseException) -> str:
    """Return what is wrong with the certificate that `error` is about, "" if it is about none."""
    for each in _causes(error):
        found = _VERIFY.search(str(each))
        if isinstance(each, ssl.SSLCertVerificationError) or found:
            why = found[1] if found else str(each)
            return f"its certificate cannot be verified: {why}{_way_out(why)}"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _way_out(why: str) -> str:
    # Another name or a day that is over: no authority helps.
    if "issuer" not in why and "self-signed" not in why and "self signed" not in why:
        return ""
    file = os.environ.get(VARIABLE)
    if file is None:
        return f"; {VARIABLE} names a file with more authorities"
    if not Path(file).is_file():
        return f"; {VARIABLE} names {file or 'nothing'}, which is no file"
    holds = "does not hold that authority" if _holds_any(file) else "holds no certificate in PEM"
    return f"; {VARIABLE} names {file}, which {holds}"


def _holds_any(file: str) -> bool:
    try:
        return b"-----BEGIN CERTIFICATE-----" in Path(file).read_bytes()
    except OSError:
        return False
