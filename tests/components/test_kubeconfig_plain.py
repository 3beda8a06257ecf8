"""A server without TLS gets no credential: neither client-go's, nor ours."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.components.kubeconfig_server import Server, config
from tests.components.test_kubeconfig import asked_by_both, kubeget, ours


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kubeget()
    made = Server(tmp_path_factory.mktemp("plain") / "pki", tls=False)
    yield made
    made.stop()


def given(
    plain: Server, monkeypatch: pytest.MonkeyPatch, folder: Path, user: dict[str, Any], server: str
) -> None:
    """Have KUBECONFIG name a kubeconfig with a user and an address."""
    file = folder / "kubeconfig"
    document = config(plain, user)
    document["clusters"][0]["cluster"] = {"server": server}
    file.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(file))


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t0ken", "as": "ada"},
        {"username": "ada", "password": "secret"},
        # It is not even run.
        {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/bin/false",
                "interactiveMode": "Never",
            }
        },
        {"client-certificate": "server.crt", "client-key": "server.key"},
        {},
    ],
    ids=["token", "password", "plugin", "certificate", "nothing"],
)
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_no_credential_is_sent_in_clear(
    plain: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    user: dict[str, Any],
    scheme: str,
) -> None:
    address = plain.url.replace("http://", scheme)
    names = {key: each for key, each in user.items() if key.startswith("client-")}
    user = {**user, **{key: str(plain.folder / each) for key, each in names.items()}}
    given(plain, monkeypatch, tmp_path, user, address)
    found, error = asked_by_both(plain, None)
    assert found is not None
    assert error == ""
    assert "authorization" not in found
    assert found.get("impersonate-user") == user.get("as")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_that_none_was_sent(
    plain: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    monkeypatch.setattr(plain, "status", status)
    given(plain, monkeypatch, tmp_path, {"token": "t0ken"}, plain.url)
    error = ours(None)
    assert re.fullmatch(
        rf"{re.escape(plain.url)}/ answers {status} to a request without credentials: .*", error
    )
    assert "Give the server as https:// there" in error
    assert "t0ken" not in error
