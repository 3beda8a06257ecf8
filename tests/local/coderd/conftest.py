"""One stand-in for coderd for all tests of a worker."""

from collections.abc import Iterator

import httpx
import pytest

from local.coderd import LocalCoderd
from tests.local.coderd.making import LOGINS


@pytest.fixture(scope="session")
def coderd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCoderd]:
    coderd = LocalCoderd(tmp_path_factory.mktemp("coderd"), LOGINS)
    coderd.start()
    try:
        yield coderd
    finally:
        coderd.stop()


@pytest.fixture
def api(coderd: LocalCoderd) -> Iterator[httpx.Client]:
    with coderd.client() as client:
        client.base_url = f"{coderd.url}/api/v2/"
        yield client


_names = iter(f"t{number}" for number in range(10_000))


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return next(_names)
