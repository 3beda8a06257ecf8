import json
from pathlib import Path

from local.workspace.stand_in import AgentAccess, StandInWorkspace


def test_a_workspace_has_its_variables_as_the_agent_expands_them(tmp_path: Path) -> None:
    given = {"A": "${HOME}/a:$NOTHING$PATH", "PATH": "/opt/bin:$PATH", "USER": "x", "B": "5 $"}
    file = json.dumps({name: {"value": value} for name, value in given.items()}).encode()
    coderd = AgentAccess("http://a", "http://b", "token")
    workspace = StandInWorkspace(tmp_path / "w")
    workspace.start({"agent_env.json": file}, {"firewall": "false"}, coderd)
    found = json.loads((workspace.folder / "environment.json").read_text())
    assert found["A"].startswith(f"{workspace.home}/a:{workspace.folder}/bin:")
    first, second, third, *_ = found["PATH"].split(":")
    assert [first, second] == [str(workspace.folder / "scripts"), "/opt/bin"]
    assert third == str(workspace.folder / "bin")
    assert found["B"] == "5 $"
