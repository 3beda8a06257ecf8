"""A network policy that somebody deleted: what a preview, a refresh and an update say of it."""

from pathlib import Path

from local.environment import Environment
from ops import drift, engine, preview, report, up
from ops.project import ROOT

NAME = "coder-workspaces/firewalled-coder-workspaces"
POLICY = f"/apis/networking.k8s.io/v1/namespaces/{NAME.replace('/', '/networkpolicies/')}"


def test_a_network_policy_that_somebody_deleted(tmp_path: Path) -> None:
    environment = Environment(ROOT, tmp_path)
    try:
        environment.start(lambda _: None)
        with (
            engine.session("local", lambda _: None, state=environment.state) as ready,
            environment.cluster.client() as client,
        ):
            ready.stack.up()
            assert preview.assess(ready, "local", refresh=True).deleted == ()
            client.delete(POLICY).raise_for_status()
            found = preview.assess(ready, "local", refresh=True)
            assert found.is_open
            text = report.to_markdown([found])
            assert "⚠️ somebody deleted the network policy: workspaces are open now\n" in text
            assert f"- `NetworkPolicy` `{NAME}`\n" in text
            (gone,) = up.read_back(ready.stack)
            assert (gone.op, gone.kind, gone.place) == ("deleted", "NetworkPolicy", NAME)
            assert list(drift.told([gone], "local"))[-1].endswith("python -m ops up local")
            up.apply(ready, "local")
            client.get(POLICY).raise_for_status()
            assert up.read_back(ready.stack) == ()
    finally:
        environment.remove()
