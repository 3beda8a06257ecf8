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
PROXIES = {
    "https": {"https_proxy": PROXY, "no_proxy": "example.com"},
    "http": {"http_proxy": PROXY, "HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"},
    "grpc": {"grpc_proxy": PROXY, "no_grpc_proxy": "example.com"},
}
# gRPC reads them for every connection; they are there before it is loaded, as an operator's are.
RUN = """
import json, os, sys
from ops import startup
cases = json.loads(sys.argv[2])
names = {name for case in cases.values() for name in case} | {"NO_PROXY", "no_proxy"}
for number, (case, variables) in enumerate(cases.items()):
    for name in names:
        os.environ.pop(name, None)
    os.environ.update(variables)
    startup.prepare()
    from pulumi import automation
    from ops import engine, host
    workspace = automation.LocalWorkspace(
        work_dir=sys.argv[1],
        program=lambda: None,
        pulumi_command=engine._command(lambda _: None),
    )
    mode = host.StackInitMode.SELECT if number else host.StackInitMode.CREATE
    host.Stack("dev", workspace, mode).preview()
    print(case, flush=True)
"""


def test_a_program_runs_on_the_engine_whatever_proxy_there_is(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), json.dumps(PROXIES)],
        cwd=ROOT,
        env={
            **os.environ,
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
    assert (done.stdout.split(), done.returncode) == ([*PROXIES], 0), done.stderr[-2000:]


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
