"""What a report says of a rule that opens something besides its grade."""

from components.boundary import Own, Policy
from ops import report
from ops.assessment import StackPreview
from tests.ops.test_network import policy

KEY = "/api/v2/workspaceagents/me/gitsshkey"
OWN = Own.of(["coder.example.com"], [], ["10.1.2.3"], ["10.96.0.0/12"])


def opened(*rules: str) -> list[str]:
    found = StackPreview("dev", {"t": Policy([])}, {"t": policy(*rules)}, own=OWN)
    lines = report.to_markdown([found]).splitlines()
    return [line.strip("- ") for line in lines if line.startswith("  - ")]


def test_the_owners_private_key_is_marked_where_it_is_newly_reached() -> None:
    hosts = [f"domain=h{number}.github.com" for number in range(30)]
    rule = f"method=GET domain=coder.example.com path={KEY}"
    told = opened("domain=*.workers.dev", *hosts, rule)
    assert told[0] == (
        f"`coder.example.com`: GET, `{KEY}`; because: `test`; "
        "⚠️ an agent gets the owner's private ssh key"
    )
    assert "⚠️ grade E" in told[1]


def test_an_address_of_coder_or_the_cluster_is_marked_as_the_worst() -> None:
    told = opened("domain=10.1.2.3", "method=GET domain=10.96.0.1", "method=GET domain=10.1.2.4")
    assert sorted(told) == [
        "`10.1.2.3`: all methods, all paths; because: `test`; ⚠️ grade H: an agent makes itself a "
        "token, which outlives the workspace",
        "`10.1.2.4`: GET, all paths; because: `test`",
        "`10.96.0.1`: GET, all paths; because: `test`; ⚠️ grade H: an agent speaks to pods and "
        "Services of the cluster, its API and Coder among them",
    ]
