"""A proxy in the environment is for what is elsewhere, not for the engine beside it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops import loopback
from ops.project import ROOT

RUN = """
import sys
from ops import startup
startup.prepare()
from pulumi import automation
from ops import engine, host
workspace = automation.LocalWorkspace(
    work_dir=sys.argv[1],
    program=lambda: None,
    pulumi_command=engine._command(lambda _: None),
)
host.Stack("dev", workspace, host.StackInitMode.CREATE).preview()
"""


@pytest.mark.parametrize(
    "variables",
    [
        {"https_proxy": "", "no_proxy": "example.com"},
        {"http_proxy": "", "HTTPS_PROXY": "", "NO_PROXY": "example.com"},
        {"grpc_proxy": "", "no_grpc_proxy": "example.com"},
    ],
    ids=["https", "http", "grpc"],
)
def test_a_program_runs_on_the_engine_whatever_proxy_there_is(
    variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    proxies = {name: value or "http://127.0.0.1:1" for name, value in variables.items()}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        cwd=ROOT,
        env={
            **os.environ,
            **proxies,
            "PULUMI_BACKEND_URL": f"file://{tmp_path}/state?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "pp",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, dict.fromkeys(("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1")),
        (
            {"no_proxy": "a.example.com, 127.0.0.1"},
            dict.fromkeys(("no_proxy", "NO_PROXY"), "a.example.com,127.0.0.1,localhost,::1"),
        ),
        (
            {"no_proxy": "a.example.com", "NO_PROXY": "*", "no_grpc_proxy": "b.example.com"},
            {
                "no_proxy": "a.example.com,localhost,127.0.0.1,::1",
                "NO_PROXY": "*",
                "no_grpc_proxy": "b.example.com,localhost,127.0.0.1,::1",
            },
        ),
    ],
    ids=["none", "one", "each"],
)
def test_loopback_joins_what_needs_no_proxy(before: dict[str, str], after: dict[str, str]) -> None:
    for _ in range(2):
        loopback.without_proxy(before)
        assert before == after
