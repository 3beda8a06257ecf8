import json

import pytest

from components.agent_env import AgentEnv
from components.errors import ArgsError
from components.expansion import expanded


def test_firewall_off_has_nothing() -> None:
    assert AgentEnv().entries() == {}


@pytest.mark.parametrize("jail_type", ["landjail", "nsjail"])
def test_firewall_on_adds_its_two(jail_type: str) -> None:
    env = AgentEnv(jail_type=jail_type, variables={"LANG": "C.UTF-8"})
    assert env.entries() == {
        "BOUNDARY_CONFIG": "/home/coder/.config/coder_boundary/config.yaml",
        "BOUNDARY_JAIL_TYPE": jail_type,
        "LANG": "C.UTF-8",
    }


def test_json() -> None:
    document = json.loads(AgentEnv(jail_type="landjail", variables={"A": "ü\n$ x"}).to_json())
    assert document["A"] == {"value": "ü\n$ x"}
    assert document["BOUNDARY_JAIL_TYPE"] == {"value": "landjail"}


@pytest.mark.parametrize(
    "value", ["/opt/bin:$PATH", "${HOME}/go:${PATH}", "5 $", "$/x", "a$", "$.b", "$é"]
)
def test_a_path_may_be_extended_and_a_dollar_before_no_name_stays(value: str) -> None:
    assert AgentEnv(jail_type="landjail", variables={"A": value}).entries()["A"] == value
    own = {"PATH": "/usr/bin", "HOME": "/home/coder"}
    assert expanded(value, own) == value.replace("${", "$").replace("}", "").replace(
        "$PATH", "/usr/bin"
    ).replace("$HOME", "/home/coder")


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        ("$CODER_AGENT_TOKEN", "hunter2"),
        ("a${CODER_AGENT_TOKEN}b", "ahunter2b"),
        ("pa$b", "pa"),
        ("pa$$b", "pab"),
        ("$1x", "x"),
        ("${}x", "x"),
        ("a${b", "ab"),
        ("$HOMES", ""),
        ("${PATH }", ""),
        ("$PATH$b", "/usr/bin"),
        ("$é$b", "$é"),
    ],
)
def test_a_dollar_that_the_agent_replaces_is_refused(value: str, becomes: str) -> None:
    own = {"CODER_AGENT_TOKEN": "hunter2", "PATH": "/usr/bin"}
    assert expanded(value, own) == becomes
    with pytest.raises(ArgsError, match=r"A has a \$ that Coder's agent replaces") as refused:
        AgentEnv(variables={"A": value})
    assert "write it out; only $PATH and $HOME may be named" in str(refused.value)
    assert value not in str(refused.value)


def test_json_does_not_depend_on_the_order_given() -> None:
    one = AgentEnv(variables={"B": "2", "A": "1"}).to_json()
    assert one == AgentEnv(variables={"A": "1", "B": "2"}).to_json()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "'' is no variable name"),
        ("1A", "no variable name"),
        ("A-B", "no variable name"),
        ("A B", "no variable name"),
        ("A\n", "no variable name"),
        ("É", "no variable name"),
        ("BOUNDARY_CONFIG", "turn the firewall on or off"),
        ("BOUNDARY_JAIL_TYPE", "set the jail type of the firewall"),
        ("BOUNDARY_ALLOW", "override the policy's file"),
        ("PROXY_PORT", "Boundary's proxy"),
        ("CODER_AGENT_TOKEN", "Coder sets the agent's own variables"),
        ("ANTHROPIC_AUTH_TOKEN", "owner's session token"),
        ("ANTHROPIC_API_KEY", "owner's session token"),
        ("CLAUDE_API_KEY", "owner's session token"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "owner's session token"),
        ("ANTHROPIC_BASE_URL", "AI Gateway"),
        ("GITHUB_TOKEN", "names a credential"),
        ("db_password", "names a credential"),
        ("OPENAI_API_KEY", "names a credential"),
        ("AWS_SECRET_ACCESS_KEY", "names a credential"),
    ],
)
def test_name_refused_without_its_value(name: str, message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        AgentEnv(variables={name: "hunter2-the-value"})
    assert "hunter2" not in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    "name", ["CLAUDE_CODE_MAX_OUTPUT_TOKENS", "TOKENIZER_PATH", "KEYBOARD", "PGSSLKEY_DIR", "_"]
)
def test_settings_that_sound_alike_are_taken(name: str) -> None:
    assert AgentEnv(variables={name: "x"}).entries()[name] == "x"


def test_every_problem_at_once() -> None:
    with pytest.raises(ArgsError) as caught:
        AgentEnv(jail_type="chroot", variables={"A B": "1", "PROXY_PORT": "1", "C": "a\0b"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "jail",
        "'A",
        "PROXY_PORT",
        "C",
    ]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("GITHUB_PAT", "hunter2", "GITHUB_PAT names a credential"),
        ("NPM_AUTH", "hunter2", "NPM_AUTH names a credential"),
        ("DEPLOY_TOKENS", "hunter2", "DEPLOY_TOKENS names a credential"),
        ("PIP_INDEX_URL", "https://me:hunter2@pypi.example.com/simple", "a URL with a user"),
        ("EXTRA", "ghp_" + "hunter2" * 6, "EXTRA holds a GitHub token"),
        ("EXTRA", "glpat-" + "hunter2" * 3, "EXTRA holds a GitLab token"),
    ],
)
def test_a_credential_is_refused_by_its_name_and_by_its_form(
    name: str, value: str, what: str
) -> None:
    with pytest.raises(ArgsError, match=what) as caught:
        AgentEnv(variables={name: value})
    assert "hunter2" not in str(caught.value)


def test_a_variable_written_as_one_text_does_not_show_its_value() -> None:
    with pytest.raises(ArgsError, match="'A B' is no variable name") as caught:
        AgentEnv(variables={"A B=hunter2": ""})
    assert "hunter2" not in str(caught.value)


def test_a_switch_under_such_a_name_is_taken() -> None:
    assert AgentEnv(variables={"DISABLE_AUTH": "true"}).entries()["DISABLE_AUTH"] == "true"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALL_PROXY", "socks5://proxy:8087", "without a line in the audit; leave it out, and say"),
        (
            "wss_proxy",
            "http://proxy:3128",
            "refused by the jail, or answered, without a line in the",
        ),
        ("npm_config_https_proxy", "http://proxy:3128", "past Boundary's proxy"),
        ("LD_PRELOAD", "/home/coder/a.so", "put what programs need into the image"),
        ("BASH_ENV", "/home/coder/a.sh", "loads code into what starts the jail"),
        ("NODE_OPTIONS", "--max-old-space-size=4096 --require /a.js", "flags alone that load none"),
        ("NODE_OPTIONS", "--import=/a.mjs", "such as --max-old-space-size=4096"),
        ("NODE_OPTIONS", "-r /a.js", "loads code into Claude Code"),
        ("DISABLE_AUDIT_LOGS", "true", "silence the firewall's audit"),
        ("CHILD", "true", "start none"),
    ],
)
def test_what_breaks_the_firewall_is_refused_where_there_is_one(
    name: str, value: str, message: str
) -> None:
    for jail_type in ("landjail", "nsjail"):
        with pytest.raises(ArgsError, match=f"{name} breaks the firewall: ") as caught:
            AgentEnv(jail_type=jail_type, variables={name: value})
        (problem,) = caught.value.problems
        assert message in problem
        assert value not in problem
    assert AgentEnv(variables={name: value}).entries() == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Boundary sets them itself in the jail: outside they name an authority of one's own.
        *((f, "/etc/ca.pem") for f in ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")),
        *((name, "proxy.example.com:3128") for name in ("HTTPS_PROXY", "http_proxy", "NO_PROXY")),
        ("NODE_OPTIONS", "--max-old-space-size=4096 --trace-warnings"),
        ("GOPROXY", "https://go.example.com"),
        ("child", "true"),
        ("ld_preload", "x"),
    ],
)
def test_what_leaves_the_firewall_whole_is_taken(name: str, value: str) -> None:
    assert AgentEnv(jail_type="landjail", variables={name: value}).entries()[name] == value


def test_a_variable_that_no_program_could_be_started_with_is_refused() -> None:
    AgentEnv(variables={"LONG": "é" + "x" * (131_071 - len("LONG=") - 2)})
    with pytest.raises(ArgsError, match="LONG holds 131,072 bytes with its name") as refused:
        AgentEnv(variables={"LONG": "é" + "x" * (131_072 - len("LONG=") - 2)})
    assert "xxx" not in str(refused.value)
