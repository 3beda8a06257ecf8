"""A proxy in the environment is for what is elsewhere, not for the engine beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops import loopback
from ops.project import ROOT

PROXY = "http://127.0.0.1:1"
CASES = (
    {"https_proxy": PROXY, "no_proxy": "example.com"},
    {"http_proxy": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"},
    {"grpc_proxy": PROXY, "no_grpc_proxy": "example.com"},
)
# One process for all of them: to load what runs a program takes longer than to run one.
RUN = """
import json, os, sys
from ops import startup
startup.prepare()
from pulumi import automation
from ops import engine, host
before = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
for case in json.loads(sys.argv[2]):
    os.environ.clear()
    os.environ.update(before, **case)
    startup.prepare()
    workspace = automation.LocalWorkspace(
        work_dir=sys.argv[1],
        program=lambda: None,
        pulumi_command=engine._command(lambda _: None),
    )
    stack = host.Stack("dev", workspace, host.StackInitMode.CREATE_OR_SELECT)
    print(stack.preview().change_summary)
"""


def test_a_program_runs_on_the_engine_whatever_proxy_there_is(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    given = {each: value for each, value in os.environ.items() if "proxy" not in each.lower()}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), json.dumps(CASES)],
        cwd=ROOT,
        env={
            **given,
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
    assert len(done.stdout.splitlines()) == len(CASES)


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
