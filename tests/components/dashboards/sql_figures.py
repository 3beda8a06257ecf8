"""What every SQL panel must show: figures.py, and here the agent firewall's own records."""

from collections.abc import Callable, Mapping

from tests.components.dashboards import figures
from tests.components.dashboards.figures import Figures, Row, newest
from tests.components.dashboards.generated import Log


def _named(f: Figures, number: str) -> str:
    return {user.id: user.username for user in f.data.users}.get(number, number)


def _decision(log: Log) -> str:
    return "deny" if log.matched_rule is None else "allow"


def _of_session(f: Figures, session: object) -> list[Log]:
    found = [log for log in f.data.logs if log.session_id == session]
    return sorted(found, key=lambda log: log.sequence_number)


def _sessions(f: Figures) -> list[Row]:
    agents = {agent.id: agent.name for agent in f.data.agents}
    seen = [s for s in f.data.sessions if f.view.contains(s.started_at)]
    rows = []
    for session in newest(seen, "started_at"):
        logs = _of_session(f, session.id)
        rows.append(
            {
                "started": session.started_at,
                "owner": _named(f, session.owner_id),
                "agent": agents.get(session.workspace_agent_id, session.workspace_agent_id),
                "process": session.confined_process_name,
                "requests": len(logs),
                "denied": sum(_decision(log) == "deny" for log in logs),
                "session": session.id,
            }
        )
    return rows


def _requests(f: Figures) -> list[Row]:
    return [
        {
            "number": log.sequence_number,
            "time": log.captured_at,
            "decision": _decision(log),
            "protocol": log.proto,
            "method": log.method,
            "url": log.detail,
            "rule": log.matched_rule,
        }
        for log in _of_session(f, f.view.variables["session"])
    ]


def _caused(f: Figures) -> list[Row]:
    """Walk each session in order: a request belongs to the last prompt before it."""
    prompts = {prompt.interception_id: prompt for prompt in f.data.prompts}
    started = {
        (i.agent_firewall_session_id, i.agent_firewall_sequence_number): prompts[i.id]
        for i in f.data.interceptions
        if i.agent_firewall_session_id and i.id in prompts
    }
    caused = []
    for session in {log.session_id for log in f.data.logs}:
        prompt = None
        for log in _of_session(f, session):
            begins = started.get((session, log.sequence_number))
            prompt = begins or prompt
            if prompt and not begins and f.view.contains(prompt.created_at):
                caused.append((prompt, log))
    caused.sort(key=lambda pair: pair[1].sequence_number)
    caused.sort(key=lambda pair: pair[0].created_at, reverse=True)
    return [
        {
            "time": prompt.created_at,
            "user": f.user(f.of(prompt)),
            "prompt": prompt.prompt[:300],
            "number": log.sequence_number,
            "decision": _decision(log),
            "method": log.method,
            "url": log.detail,
            "session": log.session_id,
            "interception": prompt.interception_id,
        }
        for prompt, log in caused[:200]
    ]


EXPECTED: Mapping[tuple[str, str], Callable[[Figures], list[Row]]] = {
    **figures.EXPECTED,
    ("agent-firewall", "Sessions and their requests"): _sessions,
    ("agent-firewall", "Requests of the session"): _requests,
    ("agent-firewall", "Prompts and the requests they caused"): _caused,
}
"""By dashboard and panel."""
