"""The authority of the stand-in for Boundary's proxy."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.workspace.proxy import Authority

TOGETHER = 8


def test_proxies_that_start_at_once_share_one_authority(tmp_path: Path) -> None:
    barrier = threading.Barrier(TOGETHER)

    def make(_: int) -> tuple[bytes, bytes]:
        barrier.wait()
        Authority(tmp_path).context("host.test")
        return (tmp_path / "ca-cert.pem").read_bytes(), (tmp_path / "ca-key.pem").read_bytes()

    for _ in range(5):
        with ThreadPoolExecutor(TOGETHER) as pool:
            assert len(set(pool.map(make, range(TOGETHER)))) == 1
        for file in ("ca-cert.pem", "ca-key.pem"):
            (tmp_path / file).unlink()
