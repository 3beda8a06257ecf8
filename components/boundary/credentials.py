"""What looks like a credential, by name or by form: refused in settings, shown nowhere.

The forms are those that vendors publish so that scanners can tell them: GitHub's
secret-scanning patterns and the rules of gitleaks are where the figures are from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

HIDDEN: Final = "[secret]"
"""What is shown in place of a credential; the engine's own word for a secret, too."""

# What a word of a name ends in that gives a credential away wherever it stands: PGPASSWORD, too.
_WORDS: Final = (
    *("TOKEN", "SECRET", "PASSWORD", "PASSWD"),
    *("PASSPHRASE", "PASSCODE", "PASSKEY", "CREDENTIAL", "APIKEY"),
)
# These mean one only at the end of a name: AUTH_URL and PASS_THROUGH hold none.
_LAST_WORDS: Final = frozenset(
    {"PAT", "AUTH", "PASS", "PWD", "CRED", "COOKIE", "JWT", "DSN", "BEARER", "AUTHORIZATION"}
    | {"SIG", "SIGNATURE"}
)
_KEYS: Final = frozenset(
    {
        *("ACCESS", "ACCOUNT", "ADMIN", "API", "APP", "AUTH", "DEPLOY", "ENCRYPTION", "HMAC"),
        *("LICENCE", "LICENSE", "MASTER", "PRIVATE", "SAS", "SECRET", "SERVICE", "SHARED"),
        *("SESSION", "SIGNING", "SSH", "STORAGE"),
        # Whose key it is.
        *("ANTHROPIC", "AWS", "AZURE", "CODER", "GEMINI", "GITHUB", "GITLAB", "OPENAI", "STRIPE"),
    }
)
# What a name ends in that says where a credential is, or how it is used.
_ABOUT: Final = frozenset(
    {
        *("URL", "URI", "ENDPOINT", "HOST", "PORT", "FILE", "PATH", "DIR", "DIRECTORY", "NAME"),
        *("HEADER", "PREFIX", "TYPE", "SCOPE", "SCOPES", "LIFETIME", "TTL", "TIMEOUT", "DURATION"),
        *("EXPIRY", "EXPIRATION", "LENGTH", "LIMIT", "COUNT", "SIZE", "BUDGET", "VERSION", "REF"),
        *("HELPER", "ENABLE", "ENABLED", "DISABLE", "DISABLED", "REQUIRED", "SOCK"),
    }
)
# MAX_OUTPUT_TOKENS counts what a model reads and writes.
_COUNTED: Final = frozenset(
    {"MAX", "MIN", "INPUT", "OUTPUT", "THINKING", "CONTEXT", "TOTAL", "NUM", "COMPLETION"}
)
_SHELLS_OWN: Final = frozenset({"PWD", "OLDPWD"})
_SWITCH: Final = r"(?i)(true|false|yes|no|on|off|none|always|never|\d{1,9})?\Z"
# A variable with its value, as `env` and Compose write it.
_ASSIGNED: Final = r"(?s)(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*)"
_SPLIT: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class _Form(NamedTuple):
    """A kind of credential; a text with none of the literals, nor the ending, holds none."""

    what: str
    literals: tuple[str, ...]
    ending: re.Pattern[str] | None
    text: str

    def may_be_in(self, text: str) -> bool:
        """Tell in a hundredth of the time that a search takes whether it is worth one."""
        if self.ending is not None:
            return self.ending.search(text) is not None
        for literal in self.literals:  # noqa: SIM110  a third of what `any` takes, and often run
            if literal in text:
                return True
        return False

    @property
    def pattern(self) -> re.Pattern[str]:
        """What it looks like."""
        return _compiled(self.text)


# Few texts are worth a search, and most commands meet none: compiled when one is there.
@cache
def _compiled(text: str) -> re.Pattern[str]:
    # Where a word goes on, no credential begins.
    return re.compile(rf"(?<![A-Za-z0-9])(?:{text})")


def _form(what: str, literals: str, pattern: str, *, ending: str = "") -> _Form:
    return _Form(what, tuple(literals.split()), re.compile(ending) if ending else None, pattern)


_FORMS: Final = (
    _form(
        "a GitHub token",
        "gho_ ghp_ ghr_ ghs_ ghu_ github_pat_",
        r"gh[oprsu]_[A-Za-z0-9]{16,}|github_pat_\w{16,}",
    ),
    _form(
        "a GitLab token",
        "glagent- glcbt- gldt- glffct- glft- glimt- gloas- glpat- glptt- glrt- glrtr- glsoat- "
        "GR1348941",
        r"gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|rtr|soat)-[\w.-]{16,}|GR1348941[\w-]{16,}",
    ),
    _form(
        "a key of a model's vendor",
        "sk- pplx- gsk_ xai- hf_",
        r"sk-ant-[\w-]{16,}|sk-(?:proj|svcacct|admin|or)-[\w-]{16,}|sk-(?=[\w-]*\d)[\w-]{16,}"
        r"|pplx-\w{32,}|gsk_\w{32,}|xai-\w{32,}|hf_[A-Za-z0-9]{16,}",
    ),
    _form(
        "a cloud's key",
        "A3T ABIA ACCA AKIA ASIA AIza GOCSPX- ya29. LTAI doo_v1_ dop_v1_ dor_v1_ dapi Q~",
        r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16,}|AIza[\w-]{35}|GOCSPX-[\w-]{28}"
        r"|ya29\.[\w-]{20,}|LTAI[A-Za-z0-9]{20}|do[opr]_v1_[a-f0-9]{16,}|dapi[a-f0-9]{32}"
        r"|[\w~.-]{3}\dQ~[\w~.-]{31,34}",
    ),
    _form(
        "a Slack token",
        "xox xapp- hooks.slack.com",
        r"xox[abeprs]-[\w-]{16,}|xapp-\d-[\w-]{16,}|hooks\.slack\.com/services/[\w/-]{16,}",
    ),
    _form(
        "a package index's token",
        "npm_ pypi- rubygems_ dckr_ AKCp cmVmdGtu",
        r"npm_[A-Za-z0-9]{16,}|pypi-[\w-]{16,}|rubygems_[a-f0-9]{16,}|dckr_[po]at_[\w-]{16,}"
        r"|AKCp[A-Za-z0-9]{16,}|cmVmdGtu[A-Za-z0-9]{40,}",
    ),
    _form(
        "a service's token",
        "glc_ glsa_ hvb. hvs. .atlasv1. k_live_ k_test_ whsec_ SG. pul- sntrys_ sntryu_ shpat_ "
        "shpca_ shppa_ shpss_ lin_api_ NRAK- PMAK- ATATT3 ops_eyJ dp.pt. dp.st. dp.ct. dp.sa. "
        "dt0c01. dt0s01. sha256~",
        r"gl(?:c|sa)_[\w+/=]{16,}|hv[bs]\.[\w-]{16,}|[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{16,}"
        r"|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[\w+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}"
        r"|pul-[a-f0-9]{40}|sntry[su]_[\w+/=-]{16,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{16,}"
        r"|lin_api_[A-Za-z0-9]{16,}|NRAK-[A-Z0-9]{16,}|PMAK-[a-f0-9-]{16,}|ATATT3[\w=-]{16,}"
        r"|ops_eyJ[\w+/=-]{16,}|dp\.(?:pt|st|ct|sa)\.[\w.-]{16,}|dt0[cs]01\.[A-Z0-9.]{16,}"
        r"|sha256~[\w-]{43}",
    ),
    _form(
        "a webhook's address",
        "/webhooks/ office.com/ office365.com/ hooks.zapier.com/",
        r"(?:[a-z]+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/[\w-]{16,}"
        r"|[\w-]+\.webhook\.office\.com/webhookb2/[\w@/-]{16,}"
        r"|outlook\.office(?:365)?\.com/webhook/[\w@/-]{16,}"
        r"|hooks\.zapier\.com/hooks/(?:catch/)?\d+/\w+",
    ),
    _form("a Telegram bot's token", "", r"(?:bot)?\d{6,}:[\w-]{30,}", ending=r":[\w-]{30}"),
    _form(
        "a Coder session token",
        "",
        r"(?=[A-Za-z0-9-]*\d)(?=[A-Za-z0-9-]*[a-z])(?=[A-Za-z0-9-]*[A-Z])"
        r"[A-Za-z0-9]{10}-[A-Za-z0-9]{22}(?![\w-])",
        ending=r"-[A-Za-z0-9]{22}(?![\w-])",
    ),
    _form("a JSON Web Token", "eyJ", r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"),
    _form(
        "a private key",
        "-----BEGIN AGE-SECRET-KEY-",
        r"-----BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]*?-----END[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----|[\s\S]*)"
        r"|AGE-SECRET-KEY-1[A-Z0-9]{16,}",
    ),
    _form(
        "an Authorization header",
        "",
        r"(?:[Bb]earer|[Bb]asic) (?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}",
        ending=r"(?:earer|asic) [\w.~+/=-]{16}",
    ),
)
_SHORTEST: Final = 14
"""Characters of the shortest credential that has a form; most settings are shorter."""

# Before the @ of a URL; a slash in a password ends no authority here, but a port does.
_USER: Final = re.compile(
    r"(?<=[A-Za-z0-9])://(?P<user>[^/\s\"']*|[^/\s\"'@:]+:(?!\d{1,5}(?:/|$))[^\s\"'@]*)@"
)
_QUERY: Final = re.compile(r"(?<=[?&;#])(?P<name>[\w.-]{1,64})=(?P<value>[^&;#\s\"']{1,})")


@lru_cache(maxsize=1024)
def names_credential(name: str, value: str | None = None) -> bool:
    """Whether something of this name is a credential.

    Args:
        name: in any case: GITHUB_TOKEN, apiKey, npm-auth. Plurals count, numbers at the end do not.
        value: what it holds, if that is known: a switch or a number is none under a name such as
            DISABLE_AUTH.
    """
    words = [word.rstrip("0123456789") for word in _SPLIT.split(name)]
    words = [word.upper() for word in words if word]
    if not words or words[-1] in _ABOUT or "_".join(words) in _SHELLS_OWN:
        return False
    singular = [word if word.endswith("SS") else word.removesuffix("S") for word in words]
    if words[-1] == "TOKENS" and _COUNTED.intersection(words):
        return False
    if any(word.endswith(_WORDS) for word in singular):
        return True
    if any(key == "KEY" and before in _KEYS for before, key in pairwise(singular)):
        return True
    return singular[-1] in _LAST_WORDS and not (value is not None and re.match(_SWITCH, value))


@lru_cache(maxsize=1024)  # what settings hold is asked again by the Args that take it
def form_of(text: str) -> str | None:
    """Return what kind of credential stands in `text`, in words; None if none can be told."""
    if len(text) >= _SHORTEST:
        for form in _FORMS:
            if form.may_be_in(text) and form.pattern.search(text):
                return form.what
    # Most texts hold neither, which takes a tenth of the time of a search to tell.
    if "://" in text and any(_is_secret_user(match) for match in _USER.finditer(text)):
        return "a URL with a user or password"
    if "=" in text and any(_is_secret_field(match) for match in _QUERY.finditer(text)):
        return "a URL with a credential in its query"
    return None


def masked(text: str, mark: str = HIDDEN) -> str:
    """Return `text` with every credential that can be told by its form replaced by `mark`."""
    # The mark is shorter than any of them: nothing that is short becomes long.
    for form in _FORMS if len(text) >= _SHORTEST else ():
        if form.may_be_in(text):
            text = form.pattern.sub(mark, text)
    if "://" not in text:
        return text
    text = _USER.sub(
        lambda match: f"://{mark}@" if _is_secret_user(match) else match[0],
        text,
    )
    return _QUERY.sub(
        lambda match: f"{match['name']}={mark}" if _is_secret_field(match) else match[0],
        text,
    )


def _is_secret_user(match: re.Match[str]) -> bool:
    # ssh://git@host names everybody's user; over HTTP a user alone is a token.
    user, before = match["user"], match.string[max(match.start() - 5, 0) : match.start()]
    return ":" in user or bool(user and before.endswith(("http", "https")))


def _is_secret_field(match: re.Match[str]) -> bool:
    return names_credential(match["name"], match["value"])


def without(value: Any, *, named: bool = False) -> Any:
    """Return plain data with its credentials replaced, by the name of a key and by form.

    A mapping of `name` and `value` says by the one what the other is, and so does NAME=value.

    Args:
        value: the data.
        named: whether it stands under the name of a credential: then all of it is one, but for what
            says by its own name where one is, such as secretName.
    """
    if isinstance(value, Mapping):
        # What is true or false says whether there is a credential, as git_credentials does.
        by_name = (
            isinstance(value.get("name"), str)
            and value.get("value") not in ("true", "false")
            and names_credential(value["name"])
        )
        return {
            _shown_key(key): without(
                each,
                named=_names(str(key), each)
                or (by_name and key == "value")
                or (named and not _says_where(str(key))),
            )
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [without(each, named=named) for each in value]
    if named and (isinstance(value, str) or _is_number(value)):
        return HIDDEN
    return _without_value(masked(value)) if isinstance(value, str) else value


def _names(key: str, value: Any) -> bool:
    # What a number counts has many names: of those only the plainest is one's of a credential.
    if _is_number(value):
        return names_credential(key) and _SPLIT.split(key)[-1].upper().endswith(_WORDS)
    return names_credential(key, value if isinstance(value, str) else None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _says_where(key: str) -> bool:
    return _SPLIT.split(key)[-1].upper() in _ABOUT | {"KEY", "MODE"}


def _without_value(text: str) -> str:
    match = re.fullmatch(_ASSIGNED, text)
    return f"{match['name']}={HIDDEN}" if match and names_credential(*match.groups()) else text


def _shown_key(key: Any) -> Any:
    if not isinstance(key, str):
        return key
    # NAME=value, written as one text where a name belongs.
    name, equals, _ = masked(key).partition("=")
    return f"{name}={HIDDEN}" if equals else name
