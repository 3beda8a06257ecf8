"""docs/versions.md names every release that the code names, and none that is served no more."""

import re

import pytest

from components import releases
from components.ai_gateway import BEFORE_PRICES
from components.boundary.releases import AUDIT_SINCE, KEYS_SINCE
from components.coder.package import AI_PROVIDER_RELEASE
from components.coder.package import RELEASE as CODERD
from components.settings.templates import TemplateFirewall
from ops.project import ROOT
from ops.verification.preflight import LANDLOCK_KERNEL

PAGE = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")


def words(number: tuple[int, ...]) -> str:
    return ".".join(map(str, number))


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> dict[str, list[str]]:
    """The cells of a section's table by the first of each row."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_what_coder_has_since_when() -> None:
    table = rows("Coder")
    for first in (releases.MODULE_5_SINCE, releases.AGENTS_SINCE):
        assert f"{words(first)} and newer" in table
    assert "`agentsAllowed`" in table[f"{words(releases.AGENTS_SINCE)} and newer"][0]
    assert "module 5" in table[f"{words(releases.MODULE_5_SINCE)} and newer"][0]
    assert "records" in table[f"{words(releases.FIREWALL_RECORDS_SINCE)} and newer"][0]
    assert f"{words(releases.OLDEST_SERVED[:2])} to 2.36" in table
    counters = table[f"before {words(releases.AUDIT_COUNTERS_SINCE[:2])}"][0]
    assert "BoundaryAuditUnreported" in counters
    assert "sessions" in table[f"{words(releases.GATEWAY_TABLES_SINCE)} and newer"][0]
    assert "prices" in table[f"{words(releases.AI_PRICES_SINCE)} and newer"][0]
    gateway = table[f"{words(releases.AI_PROVIDERS_SINCE)} and newer"][0]
    for later in (releases.BEDROCK_ROLE_SINCE, releases.BEDROCK_PROTOCOL_SINCE):
        assert words(later) in gateway
    assert "no Tasks" in table[f"{words(releases.TASKS_UNTIL)} and newer"][0]


def test_what_is_pinned_by_default() -> None:
    table = rows("Modules and providers")
    for name, release in {
        "module code-server": releases.CODE_SERVER,
        "provider coder/coder": releases.CODER_PROVIDER,
        "provider hashicorp/kubernetes": releases.KUBERNETES_PROVIDER,
        "provider coder/coderd": CODERD,
        "module claude-code": " or ".join(releases.CLAUDE_CODE.values()) + ", by the wiring",
    }.items():
        assert table[name][0] == release
    assert rows("Claude Code's module")["default release"] == list(releases.CLAUDE_CODE.values())
    assert section("Boundary").startswith(f"\nDefault {releases.BOUNDARY}.")


def test_what_the_ai_gateway_needs() -> None:
    page = (ROOT / "docs" / "ai-gateway.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `p")]
    needed = [[cell.strip() for cell in row.strip("|").split("|")][1:3] for row in rows]
    assert needed == [
        [words(releases.AI_PROVIDERS_SINCE), AI_PROVIDER_RELEASE],
        [words(releases.BEDROCK_ROLE_SINCE), AI_PROVIDER_RELEASE],
        [words(releases.BEDROCK_PROTOCOL_SINCE), AI_PROVIDER_RELEASE],
        [words(releases.AI_PRICES_SINCE), f"newer than {BEFORE_PRICES}"],
    ]


@pytest.mark.parametrize(
    ("release", "served"),
    [("4.7.0", True), ("4.9.2", True), ("5.4.0", True), ("5.0.0", False), ("5.3.0", False)],
)
def test_which_releases_of_the_module_are_served(release: str, served: bool) -> None:
    assert releases.is_claude_code_module(release) is served
    told = section("Claude Code's module")
    assert release.removesuffix(".0") in told


@pytest.mark.parametrize(
    ("provider", "check"),
    [
        ("coder/coder", releases.is_coder_provider),
        ("hashicorp/kubernetes", releases.is_kubernetes_provider),
    ],
)
def test_the_oldest_provider_that_is_served(provider: str, check: object) -> None:
    assert callable(check)
    least = re.match(
        r"(\d+)\.(\d+)\.(\d+)", rows("Modules and providers")[f"provider {provider}"][1]
    )
    assert least
    assert check(least[0])
    assert not check(f"{least[1]}.{int(least[2]) - 1}.99")


def test_keys_of_boundary_and_their_first_release() -> None:
    told = {
        key: (setting, first)
        for keys, (setting, first) in rows("Boundary").items()
        for key in re.findall(r"`(\w+)`", keys)
    }
    assert {key: first for key, (_, first) in told.items()} == {
        key: f"v{words(number)}" for key, number in KEYS_SINCE.items()
    }
    aliases = {field.alias for field in TemplateFirewall.model_fields.values()}
    for setting, _ in told.values():
        assert re.findall(r"`(\w+)`", setting)[0] in aliases


def test_the_first_release_of_boundary_with_an_audit() -> None:
    assert f"audit is there from v{words(AUDIT_SINCE)} on" in section("Boundary").replace("\n", " ")


def test_the_kernel_that_landjail_needs() -> None:
    assert f"Linux {words(LANDLOCK_KERNEL)} or newer" in rows("Nodes")["need"][0]
