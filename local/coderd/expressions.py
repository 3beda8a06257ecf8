"""The code in HCL: what a file refers to is told from its texts and heredocs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_TEMPLATE: Final = re.compile(
    r"""(?:\$\$\{|%%\{|\\.)|(?P<enter_code>[$%]\{)|(?P<leave>")|(?P<text>.)""", re.DOTALL
)


_CODE: Final = re.compile(
    r"""(?P<heredoc><<-?\s*(?P<word>\w+)\n)|(?P<enter_template>")|(?P<enter_code>\{)|(?P<leave>\})"""
    r"""|(?P<code>.)""",
    re.DOTALL,
)


def code(value: Any) -> Iterator[str]:
    """The text of every expression in a parsed tree."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from code(item)
    elif isinstance(value, list):
        for item in value:
            yield from code(item)
    elif isinstance(value, str):
        yield value


def expressions(text: str) -> str:
    """The code in a value, with the text of strings left out but not what they interpolate."""
    quoted = text.startswith('"') and not text.startswith('"<<')
    inside = [_CODE if quoted else _TEMPLATE]
    found: list[str] = []
    at = 0
    while at < len(text):
        token = inside[-1].match(text, at)
        if token is None:
            break
        at = token.end()
        match token.lastgroup:
            case "heredoc":
                body, at = _heredoc(text, token)
                found.append(expressions(f'"<<{body}'))
            case "enter_code":
                inside.append(_CODE)
                found.append(" {")
            case "enter_template":
                inside.append(_TEMPLATE)
                found.append('"')
            case "leave" if len(inside) > 1:
                inside.pop()
                found.append(f" {token[0]}")
            case "code":
                found.append(token[0])
    return "".join(found)


def _heredoc(text: str, opening: re.Match[str]) -> tuple[str, int]:
    word = re.escape(opening["word"])
    end = re.compile(rf"^\s*{word}\s*$", re.MULTILINE).search(text, opening.end())
    if end is None:
        return text[opening.end() :], len(text)
    return text[opening.end() : end.start()], end.end()
