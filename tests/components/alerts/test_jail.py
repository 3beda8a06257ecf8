"""Alerts on Coder's database: what PostgreSQL answers Grafana's role, and when that fires."""

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from components.alerts.component import AlertsArgs
from components.errors import ArgsError
from components.grafana_role import role_sql
from tests.components.alerts.test_grafana import evaluate, rules
from tests.components.dashboards import postgres
from tests.components.dashboards.prometheus import Vector

SCHEMA = Path(__file__).parents[1] / "dashboards" / "coder_schema.sql"
OURS, THEIRS = str(uuid.uuid4()), str(uuid.uuid4())
ARGS = AlertsArgs(
    organization_id=OURS,
    confined_templates=("firewalled", "other", "isolated"),
    isolated_templates=("isolated",),
)
LINE = "{} outside, 1 jailed, policy {}, audit open (ada/dev)"
OLD_LINE = "0 outside, 1 jailed, policy as deployed (ada/dev)"


class Database:
    """Coder's tables with a few rows, read as Grafana reads them."""

    def __init__(self, server: postgres.Server) -> None:
        self.server = server
        self.args = ARGS
        self.password = secrets.token_hex(16)
        server.psql(SCHEMA.read_text(encoding="utf-8"))
        server.psql(role_sql(), environment={"AIGOV_DB_PASSWORD": self.password})

    def tell(
        self, value: str, *, minutes_ago: float = 1, key: str = "jail", agent: str = ""
    ) -> str:
        """Tell it as an agent, a new one unless it is named, whose id it returns."""
        agent = agent or str(uuid.uuid4())
        self.server.psql(
            "INSERT INTO workspace_agent_metadata (workspace_agent_id, display_name, key, script,"
            f" value, timeout, interval, collected_at) VALUES ('{agent}', 'x',"
            f" '{key}', '', '{value}', 30, 60, now() - interval '{minutes_ago} minutes')"
        )
        return agent

    def answers(self, alert: str) -> dict[str, Vector]:
        """Return the result of each query to PostgreSQL, as Grafana makes labels of its rows."""
        answered: dict[str, Vector] = {}
        for step in rules(self.args)[alert]["data"]:
            if not (sql := step["model"].get("rawSql")):
                continue
            assert step["model"]["format"] == "table"
            assert "$" not in sql, "Grafana may expand it"
            rows = self.server.rows(sql, user="grafana_ro", password=self.password)
            answered[step["refId"]] = {
                tuple((k, v) for k, v in row.items() if k != "value"): float(row["value"])
                for row in rows
            }
            assert len(answered[step["refId"]]) == len(rows), "two rows of the same labels"
        return answered

    def firing(self, alert: str, **others: float) -> list[dict[str, str]]:
        values: Mapping[str, Vector] = {name: {(): value} for name, value in others.items()}
        return evaluate(rules(self.args)[alert], {**self.answers(alert), **values})


# coderd 2.30 and 2.31 keep the newline that a script's output ends with; later ones trim it.
KEPT = pytest.mark.parametrize("end", ["", "\n"], ids=["trimmed", "as printed"])


@pytest.fixture(scope="module")
def running() -> Iterator[Database]:
    with postgres.running() as server:
        yield Database(server)


@pytest.fixture
def database(running: Database) -> Database:
    running.server.psql("TRUNCATE workspace_agent_metadata, templates")
    running.args = ARGS
    return running


@KEPT
def test_a_process_outside_fires_for_its_workspace(database: Database, end: str) -> None:
    agent = database.tell(LINE.format(2, "as deployed") + end)
    database.tell("0 outside, 1 jailed, policy as deployed (grace/x)")
    assert database.firing("ClaudeCodeUnjailed") == [{"workspace": "ada/dev", "agent": agent}]
    assert list(database.answers("ClaudeCodeUnjailed")["query_A"].values()) == [2]
    assert database.firing("BoundaryPolicyForeign") == []


@KEPT
@pytest.mark.parametrize("policy", ["foreign", "changed", "extended"])
def test_another_policy_fires(database: Database, policy: str, end: str) -> None:
    agent = database.tell(LINE.format(0, policy) + end)
    fired = database.firing("BoundaryPolicyForeign")
    assert fired == [{"workspace": "ada/dev", "agent": agent, "policy": policy}]
    assert database.firing("ClaudeCodeUnjailed") == []


def test_a_policy_that_nobody_uses_is_no_other(database: Database) -> None:
    database.tell(LINE.format(0, "not in use"))
    assert database.firing("BoundaryPolicyForeign") == []


@KEPT
@pytest.mark.parametrize("audit", ["gone", "foreign", "off"])
def test_a_workspace_whose_audit_is_cut_fires(database: Database, audit: str, end: str) -> None:
    agent = database.tell(LINE.format(0, "not in use").replace("open", audit) + end)
    fired = database.firing("BoundaryAuditCut")
    assert fired == [{"workspace": "ada/dev", "agent": agent, "audit": audit}]
    assert database.firing("ClaudeCodeUnjailed") == []


def test_an_audit_that_is_open_or_not_told_of_fires_nothing(database: Database) -> None:
    database.tell(LINE.format(2, "foreign"))
    database.tell(OLD_LINE)
    assert database.firing("BoundaryAuditCut") == []


@pytest.mark.parametrize(
    ("jail", "alive", "fires"),
    [
        pytest.param({"value": "", "minutes_ago": 0.5}, 0.1, True, id="an error in its place"),
        pytest.param({"value": OLD_LINE, "minutes_ago": 6}, 0.1, True, id="an old line"),
        pytest.param({"value": OLD_LINE}, 0.1, False, id="a line"),
        pytest.param({"value": f"{OLD_LINE}\n"}, 0.1, False, id="a line as it was printed"),
        pytest.param({"value": "\n"}, 0.1, True, id="nothing but a newline"),
        pytest.param({"value": ""}, 6, False, id="the agent is away"),
        pytest.param(None, 0.1, False, id="a template without a jail"),
    ],
)
def test_one_agent_that_tells_no_more_of_its_jail_fires(
    database: Database, jail: dict[str, object] | None, alive: float, fires: bool
) -> None:
    agent = database.tell("1/4 cores (25%)", key="cpu_usage", minutes_ago=alive)
    if jail is not None:
        database.tell(**jail, agent=agent)  # type: ignore[arg-type]
    database.tell(OLD_LINE)
    assert database.firing("JailUnwatched") == ([{"agent": agent}] if fires else [])


@pytest.mark.parametrize("alert", ["ClaudeCodeUnjailed", "BoundaryPolicyForeign"])
def test_what_is_old_or_no_such_line_fires_nothing(database: Database, alert: str) -> None:
    database.tell(LINE.format(2, "foreign"), minutes_ago=6)
    database.tell(LINE.format(2, "foreign"), key="cpu")
    database.tell("2 outside, sh: awk: not found")
    database.tell("")
    assert database.firing(alert) == []


def test_a_workspace_that_began_anew_or_has_anothers_name_is_no_error(database: Database) -> None:
    agents = [
        database.tell(LINE.format(1, "as deployed"), minutes_ago=4),
        database.tell(LINE.format(1, "foreign"), minutes_ago=0.1),
    ]
    fired = database.firing("ClaudeCodeUnjailed")
    assert sorted(each["agent"] for each in fired) == sorted(agents)
    # What is of one agent is one row, whatever the table holds.
    database.server.psql(
        "INSERT INTO workspace_agent_metadata SELECT * FROM workspace_agent_metadata"
    )
    assert len(database.firing("ClaudeCodeUnjailed")) == 2
    assert len(database.firing("BoundaryPolicyForeign")) == 1


@pytest.mark.parametrize(
    "line",
    [
        LINE.format("9" * 30, "foreign"),
        LINE.format(1, "foreign").replace("ada/dev", "ada/" + "x" * 5000),
        LINE.format(1, "foreign").replace("ada/dev", "{{`x`}}/<b>"),
        LINE.format(1, "x" * 5000),
        "1 outside, 1 jailed, policy foreign (ada/dev)\n2 outside",
    ],
)
def test_no_workspaces_text_makes_the_query_fail(database: Database, line: str) -> None:
    agent = database.tell(LINE.format(1, "as deployed"))
    database.tell(line)
    assert [each["agent"] for each in database.firing("ClaudeCodeUnjailed")] == [agent]
    assert database.firing("BoundaryPolicyForeign") == []


def test_every_line_is_read_while_it_stands() -> None:
    # Each agent writes one a minute over the last.
    groups = {rule["title"]: group for group in ARGS.grafana_rules()["groups"]
              for rule in group["rules"]}  # fmt: skip
    for alert in ("ClaudeCodeUnjailed", "BoundaryPolicyForeign"):
        assert groups[alert]["interval"] == "30s"
        assert groups[alert]["name"] == "firewalled-coder-30s"
    assert groups["JailWatchSilent"]["interval"] == "5m"
    assert groups["JailWatchSilent"]["name"] == "firewalled-coder"


@pytest.mark.parametrize(
    ("line", "connected", "fires"),
    [
        pytest.param(LINE.format(0, "not in use"), 3, False, id="one of them tells"),
        pytest.param(LINE.format(0, "not in use") + "\n", 3, False, id="one of them, as printed"),
        pytest.param("sh: awk: not found", 3, True, id="an error in its place"),
        pytest.param(None, 3, True, id="none tells"),
        pytest.param(None, 0, False, id="nobody works"),
    ],
)
def test_silence_is_connected_agents_without_a_line(
    database: Database, line: str | None, connected: float, fires: bool
) -> None:
    if line is not None:
        database.tell(line)
    assert bool(database.firing("JailWatchSilent", query_A=connected)) is fires


@pytest.fixture
def templates(database: Database) -> Iterator[Callable[..., None]]:
    """Coder's table of templates as it is from 2.37 on, and what adds one to it."""
    database.server.psql(
        "ALTER TABLE templates ADD COLUMN agents_allowed boolean DEFAULT true NOT NULL"
    )

    def add(name: str, *, organization: str = OURS, **columns: bool) -> None:
        names = ", ".join(["id, active_version_id, organization_id, name", *columns])
        values = "".join(f", {value}" for value in columns.values())
        database.server.psql(
            f"INSERT INTO templates ({names}) VALUES (gen_random_uuid(), gen_random_uuid(),"
            f" '{organization}', '{name}'{values})"
        )

    yield add
    database.server.psql("ALTER TABLE templates DROP COLUMN agents_allowed")


def test_a_coder_before_2_37_has_no_agents_to_allow(database: Database) -> None:
    database.server.psql(
        "INSERT INTO templates (id, organization_id, name, active_version_id)"
        f" VALUES (gen_random_uuid(), '{OURS}', 'firewalled', gen_random_uuid())"
    )
    assert database.firing("AgentsAllowedBehindFirewall") == []


def test_agents_fire_where_a_template_with_a_firewall_lets_them(
    database: Database, templates: Callable[..., None]
) -> None:
    templates("firewalled", agents_allowed=True)
    templates("firewalled", deleted=True, agents_allowed=True)
    templates("other", agents_allowed=False)
    templates("open", agents_allowed=True)
    templates("isolated", agents_allowed=True)
    assert database.firing("AgentsAllowedBehindFirewall") == [{"template": "firewalled"}]


def test_another_organizations_template_of_that_name_fires_nothing(
    database: Database, templates: Callable[..., None]
) -> None:
    templates("firewalled", organization=THEIRS, agents_allowed=True)
    assert database.firing("AgentsAllowedBehindFirewall") == []
    # It is one row, too, where nobody said which organization is the stack's.
    templates("firewalled", agents_allowed=True)
    for args in (ARGS, replace(ARGS, organization_id="")):
        database.args = args
        assert database.firing("AgentsAllowedBehindFirewall") == [{"template": "firewalled"}]


def test_an_organization_is_named_by_its_id_alone() -> None:
    for wrong in ("' OR true --", f"{OURS}\n"):
        with pytest.raises(ArgsError, match="organization_id"):
            AlertsArgs(organization_id=wrong)
