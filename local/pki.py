"""Keys and certificates of the local API server, made on the machine and never leaving it."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID_DAYS = 3650
_FILES = ("ca.crt", "server.crt", "server.key", "service-account.key")


def ensure(directory: Path, *names: str) -> None:
    """Make what is missing in `directory`: ca.crt, server.crt, server.key, service-account.key.

    The server certificate holds for 127.0.0.1 and localhost, as server and as client: etcd and
    the API server prove themselves to each other with it. The authority's own key is thrown
    away, so nothing else can be signed. Files that exist are kept: the kubeconfig stays the same
    over a restart.

    Args:
        directory: existing directory, readable by the user alone.
        names: host names for which the server certificate holds besides.
    """
    if all((directory / name).is_file() for name in _FILES):
        return
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )

    def name(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

    now = datetime.now(UTC)
    authority = ec.generate_private_key(ec.SECP256R1())
    server = ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("firewalled-coder-local"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=_VALID_DAYS))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
                critical=False,
            )
        )

    usage = {
        "content_commitment": False,
        "key_encipherment": False,
        "data_encipherment": False,
        "key_agreement": False,
        "crl_sign": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    ca = (
        certificate("firewalled-coder-local", authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, **usage), critical=True
        )
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        certificate("127.0.0.1", server)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=False, **usage), critical=True
        )
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            ),
            critical=False,
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
                    *map(x509.DNSName, ("localhost", *names)),
                ]
            ),
            critical=False,
        )
        .sign(authority, hashes.SHA256())
    )
    write_private(directory / "server.key", pem(server))
    write_private(directory / "service-account.key", pem(ec.generate_private_key(ec.SECP256R1())))
    write_private(directory / "server.crt", leaf.public_bytes(serialization.Encoding.PEM))
    write_private(directory / "ca.crt", ca.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Args:
        path: the file; an older one is replaced.
        content: the bytes of it.
    """
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    partial.replace(path)
