"""A forge whose certificate a private authority signed."""

import ssl
import time
from pathlib import Path

import pytest

from components.tls import certificate_problem
from local import pki
from ops.comment import Written, place_of, write
from ops.forge import ForgeError, ForgeKind
from tests.ops.forge_server import TOKEN, ForgeServer, serving
from tests.pipelines.files import gitlab_jobs


def variables(url: str) -> dict[str, str]:
    return {
        "GITLAB_TOKEN": TOKEN,
        "CI_PROJECT_ID": "acme/infra",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_API_V4_URL": f"{url}/api/v4",
    }


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a private authority and of a server's certificate that it signed."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    pki.ensure(tmp_path)
    return tmp_path


def context(authority: Path) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(authority / "server.crt", authority / "server.key")
    return found


def refusal(url: str) -> str:
    began = time.monotonic()
    with pytest.raises(ForgeError) as refused:
        write(place_of(ForgeKind.GITLAB, variables(url)), "preview", ["text"])
    # The first wait between two tries is of two seconds.
    assert time.monotonic() - began < 2
    assert "\n" not in str(refused.value)
    assert TOKEN not in str(refused.value)
    return str(refused.value)


def test_an_unknown_authority_is_told_at_once_with_the_variable_that_names_it(
    authority: Path,
) -> None:
    with serving(ForgeServer("gitlab"), context(authority)) as server:
        said = refusal(server.url)
    assert server.url in said
    assert "SSL_CERT_FILE names a file with more authorities" in said


def test_the_variable_makes_it_known(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.crt"))
    with serving(ForgeServer("gitlab"), context(authority)) as server:
        place = place_of(ForgeKind.GITLAB, variables(server.url))
        assert write(place, "preview", ["text"]) is Written.CREATED


def test_a_file_that_is_not_there_is_named(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "no.crt"))
    with serving(ForgeServer("gitlab"), context(authority)) as server:
        assert f"SSL_CERT_FILE names {authority / 'no.crt'}, which is no file" in refusal(
            server.url
        )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "which holds no certificate in PEM"),
        ("\x00\x01", "which holds no certificate in PEM"),
        ("server.crt", "which does not hold that authority"),
    ],
)
def test_a_file_without_the_authority_is_named(
    authority: Path, monkeypatch: pytest.MonkeyPatch, content: str, said: str
) -> None:
    file = authority / "authorities.pem"
    given = authority / content
    file.write_text(given.read_text() if content.endswith(".crt") else content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(ForgeServer("gitlab"), context(authority)) as server:
        assert f"SSL_CERT_FILE names {file}, {said}" in refusal(server.url)


def test_another_name_in_the_certificate_is_not_called_an_unknown_authority() -> None:
    error = ssl.SSLCertVerificationError(
        1,
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, "
        "certificate is not valid for 'a.example.com'. (_ssl.c:992)",
    )
    said = certificate_problem(error)
    assert said.endswith("certificate is not valid for 'a.example.com'.")
    assert certificate_problem(OSError("connection refused")) == ""


@pytest.mark.parametrize("url", ["gitlab.example.com", "ftp://gitlab.example.com", "https://"])
def test_an_address_that_is_none_is_not_asked_again(url: str) -> None:
    assert url in refusal(url)


@pytest.mark.parametrize("job", ["comment", "comment drift"])
def test_the_pipeline_hands_over_the_authority_that_the_runner_knows(job: str) -> None:
    script = "\n".join(gitlab_jobs()[job]["script"])
    assert "SSL_CERT_FILE=" in script
    assert script.index("CI_SERVER_TLS_CA_FILE") < script.index("python -m ops comment")
