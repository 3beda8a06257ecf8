"""A stand-in for coderd with its provider, for all tests of a worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.coderd import LocalCoderd
from local.providers.coderd import CoderdProvider
from local.providers.wire import Secret
from tests.local.providers.coderd.engine import MAIN, SECRET, TEMPLATE, Engine

_names = iter(f"p{number}" for number in range(10_000))


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    stand_in = LocalCoderd(tmp_path_factory.mktemp("coderd"))
    stand_in.start()
    try:
        yield stand_in
    finally:
        stand_in.stop()


@pytest.fixture
def api(deployment: LocalCoderd) -> Iterator[httpx.Client]:
    with deployment.client() as client:
        client.base_url = f"{deployment.url}/api/v2/"
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return next(_names)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "main.tf").write_text(MAIN)
    return tmp_path


@pytest.fixture
def provider(deployment: LocalCoderd, root: Path) -> Iterator[CoderdProvider]:
    provider = CoderdProvider(root)
    provider.configure({"url": deployment.url, "token": Secret(deployment.token)})
    yield provider
    provider.close()


@pytest.fixture
def template(provider: CoderdProvider, name: str) -> Engine:
    return Engine(provider, TEMPLATE, name)


@pytest.fixture
def server(name: str) -> dict[str, Any]:
    return {
        "displayName": "GitHub",
        "slug": name,
        "url": "https://api.githubcopilot.com/mcp/",
        "authType": "api_key",
        "apiKeyHeader": "Authorization",
        "apiKeyValueWo": Secret(f"Bearer {SECRET}"),
        "apiKeyValueWoVersion": 1,
        "toolAllowLists": ["get_me", "get_issue"],
    }
