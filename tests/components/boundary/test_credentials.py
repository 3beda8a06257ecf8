"""One rule says what a credential looks like, by name and by form; none of it is shown."""

import json
from re import _parser as sre

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.boundary import credentials
from components.boundary.credentials import HIDDEN, form_of, masked, names_credential, without
from tests.characters import CHARACTERS

LETTERS = "aB3" * 40
# The lengths and alphabets that the vendors publish.
TOKENS = {
    "GitHub, classic": f"ghp_{LETTERS[:36]}",
    "GitHub, fine-grained": f"github_pat_{LETTERS[:22]}_{LETTERS[:59]}",
    "GitHub App": f"ghs_{LETTERS[:36]}",
    "GitLab, personal": f"glpat-{LETTERS[:20]}",
    "GitLab, routable": f"glpat-{LETTERS[:27]}.01.{LETTERS[:9]}",
    "GitLab runner": f"glrt-{LETTERS[:20]}",
    "GitLab job": f"glcbt-64_{LETTERS[:20]}",
    "Anthropic": f"sk-ant-api03-{LETTERS[:93]}AA",
    "OpenAI project": f"sk-proj-{LETTERS[:48]}",
    "OpenAI": f"sk-{LETTERS[:20]}T3BlbkFJ{LETTERS[:20]}",
    "Hugging Face": f"hf_{'aB' * 17}",
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS, temporary": "ASIAIOSFODNN7EXAMPLE",
    "Google": f"AIza{LETTERS[:35]}",
    "Azure": f"abc8Q~{LETTERS[:34]}",
    "DigitalOcean": f"dop_v1_{'0f' * 32}",
    "Slack bot": f"xoxb-{'1' * 12}-{'2' * 12}-{LETTERS[:24]}",
    "Slack app": f"xapp-1-A0-{'1' * 13}-{'f' * 64}",
    "Slack webhook": f"https://hooks.slack.com/services/T0/B0/{LETTERS[:24]}",
    "Discord webhook": f"https://discord.com/api/webhooks/{'1' * 18}/{LETTERS[:60]}",
    "Teams webhook": f"https://a.webhook.office.com/webhookb2/{LETTERS[:36]}@b/IncomingWebhook/c/d",
    "Zapier webhook": "https://hooks.zapier.com/hooks/catch/123456/abcdef",
    "npm": f"npm_{LETTERS[:36]}",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{LETTERS[:60]}",
    "Docker Hub": f"dckr_pat_{LETTERS[:27]}",
    "Grafana": f"glsa_{LETTERS[:32]}_0a1b2c3d",
    "Vault": f"hvs.{LETTERS[:95]}",
    "Terraform Cloud": f"{LETTERS[:14]}.atlasv1.{LETTERS[:67]}",
    "Stripe": f"sk_live_{LETTERS[:24]}",
    "SendGrid": f"SG.{LETTERS[:22]}.{LETTERS[:43]}",
    "Pulumi": f"pul-{'0f' * 20}",
    "Telegram": f"1234567:{LETTERS[:35]}",
    "Coder": f"{LETTERS[:10]}-{LETTERS[:22]}",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "SSH key": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
    "RSA key, cut": "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
    "age": f"AGE-SECRET-KEY-1{'Q' * 58}",
    "header": f"Bearer {LETTERS[:40]}",
}
PASSWORD = "hunter2hunter2"


@pytest.mark.parametrize(
    "name",
    [
        *("GITHUB_TOKEN", "GITHUB_TOKENS", "GITHUB_PAT", "NPM_AUTH", "npm_config__auth", "DB_PASS"),
        *("MYSQL_PWD", "API_KEY", "APIKEYS", "apiKey", "api-key", "clientSecret", "TOKEN_2"),
        *("SSH_KEY", "SIGNING_KEYS", "AWS_ACCESS_KEY_ID", "VAULT_SECRET_ID", "SENTRY_DSN"),
        *("Authorization", "credentials", "Cookie", "PGPASSWORD", "SECRET"),
        *("OPENAI_KEY", "GITHUB_KEY", "CODER_KEY", "SESSION_KEY", "STORAGE_KEY", "PASSKEY"),
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert names_credential(name)


@pytest.mark.parametrize(
    "name",
    [
        *("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "MAX_THINKING_TOKENS", "TOKENIZER_PATH", "KEYBOARD"),
        *("PATH", "PWD", "OLDPWD", "GIT_AUTHOR_NAME", "SSH_AUTH_SOCK", "PGSSLKEY_DIR", "COMPASS"),
        *("CODER_EXTERNAL_AUTH_0_TOKEN_URL", "GITHUB_TOKEN_FILE", "secretName", "secretKeyRef"),
        *("patchFieldManager", "authType", "apiKeyHeader", "", "_", "2"),
        *("CACHE_KEY", "PRIMARY_KEY", "PUBLIC_KEY", "SORT_KEYS", "KEY", "partitionKey"),
    ],
)
def test_names_of_settings(name: str) -> None:
    assert not names_credential(name)


def test_a_switch_is_no_credential_whatever_its_name_ends_in() -> None:
    assert names_credential("DISABLE_AUTH", "x")
    assert not names_credential("DISABLE_AUTH", "true")
    assert not names_credential("SECURE_COOKIE", "1")
    assert names_credential("GITHUB_TOKEN", "1")


@pytest.mark.parametrize("vendor", TOKENS)
def test_every_vendors_token_is_told_and_hidden_wherever_it_stands(vendor: str) -> None:
    token = TOKENS[vendor]
    for text in (token, f"use {token}", f'"{token}"', f"key={token}", f"({token})"):
        assert form_of(text), text
        assert token not in masked(text)
        assert HIDDEN in masked(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://user:{PASSWORD}@a.com/x", "https://[secret]@a.com/x"),
        (f"postgres://coder:{PASSWORD}@db:5432/coder", "postgres://[secret]@db:5432/coder"),
        (f"https://user:{PASSWORD}/x@a.com/", "https://[secret]@a.com/"),
        (f"https://{PASSWORD}@a.com/", "https://[secret]@a.com/"),
        (f"https://a@b:{PASSWORD}@c.com", "https://[secret]@c.com"),
        (
            f"https://a.com/?access_token={PASSWORD}&page=1",
            "https://a.com/?access_token=[secret]&page=1",
        ),
        (f"https://a.blob/x?sv=1&sig={PASSWORD}", "https://a.blob/x?sv=1&sig=[secret]"),
    ],
)
def test_a_url_that_holds_a_credential(text: str, shown: str) -> None:
    assert form_of(text)
    assert masked(text) == shown
    assert masked(f"two: {text} {text}") == f"two: {shown} {shown}"


@pytest.mark.parametrize(
    "text",
    [
        "https://a.com:8443/@scope/name",
        "https://a.com/?q=1&max_tokens=7",
        "ssh://git@gitlab.example.com/x.git",
        "git@gitlab.example.com:group/x.git",
        "codercom/enterprise-base:ubuntu-noble-20260601",
        f"registry.example.com/base@sha256:{'0f' * 32}",
        "task-force-of-nine-people-2026",
        "2026-11-26T23:42:39.360336Z",
        "bc27b8da-a60b-41c2-8abf-444659f0d39e",
        r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#]*@)?",
        "Bearer authentication is required here",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert form_of(text) is None
    assert masked(text) == text


def test_plain_data_loses_its_credentials_by_key_and_by_form() -> None:
    given = {
        "clientSecret": PASSWORD,
        "list": [TOKENS["GitHub, classic"], "plain", 7, None],
        "env": [{"name": "DB_PASSWORD", "value": PASSWORD}, {"name": "LANG", "value": "C"}],
        "nested": {"note": f"see https://u:{PASSWORD}@a.com"},
    }
    clean = without(given)
    assert PASSWORD not in json.dumps(clean)
    assert clean["env"] == [
        {"name": "DB_PASSWORD", "value": HIDDEN},
        {"name": "LANG", "value": "C"},
    ]
    assert clean["list"] == [HIDDEN, "plain", 7, None]


@pytest.mark.parametrize(
    "given",
    [
        {"password": {"value": PASSWORD}},
        {"a": {"tokens": [PASSWORD, {"b": PASSWORD}]}},
        {"GITHUB_TOKEN": {"secure": PASSWORD}},
        [f"GITHUB_TOKEN={PASSWORD}", f"npm_config__auth={PASSWORD}"],
        {"env": f"DB_PASSWORD={PASSWORD}"},
        {"password": 4711081547},
        {"pins": {"passwords": [4711081547]}},
    ],
)
def test_whatever_stands_under_the_name_of_a_credential_is_one(given: object) -> None:
    shown = json.dumps(without(given))
    assert PASSWORD not in shown
    assert "4711081547" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "given",
    [
        {"secret": {"secretName": "coder-tls", "optional": True, "defaultMode": 420}},
        {"imagePullSecrets": [{"name": "registry"}]},
        {"secretKeyRef": {"name": "db", "key": "url"}},
        {"automountServiceAccountToken": False, "secret": None},
        ["LANG=C", "domain=a.com", "DISABLE_AUTH=true"],
    ],
)
def test_what_says_where_a_credential_is_stays(given: object) -> None:
    assert without(given) == given


@given(
    st.text(CHARACTERS, max_size=40),
    st.sampled_from(sorted(TOKENS)),
    st.text(CHARACTERS, max_size=40),
)
def test_nothing_around_a_token_makes_it_show(before: str, vendor: str, after: str) -> None:
    # Where a word goes on, it is another word: the token is one that stands by itself.
    text = f"{before} {TOKENS[vendor]} {after}"
    assert TOKENS[vendor] not in masked(text)
    assert masked(masked(text)) == masked(text)


def test_no_form_is_shorter_than_what_is_not_looked_at() -> None:
    shortest = (sre.parse(form.text).getwidth()[0] for form in credentials._FORMS)
    assert min(shortest) == credentials._SHORTEST
