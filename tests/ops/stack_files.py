"""Stack files that the engine and ops have to read alike: what is in people's files."""

from typing import Final

_SCALARS: Final = """
off|on|yes|No|n|Y|True|FALSE|true|nUll|null|~|Null||2.0|2|010|0o10|0O17|0x1F|0X1f|0b11|-0b11|0b2|0o9
1_000|1__0|0x_1|1e3|1E+5|1e21|1e-8|1e400|5e-324|.5|-.5|1.|+5|-0|-0.0|08|0_8|0777|685_230.15|3.14
0.30000000000000004|123456.789e3|9007199254740993|9223372036854775807|12345678901234567890
18446744073709551615|123456789012345678901234567890|2026-12-31|2026-1-2|2026-13-01|2026-12-31T10:00:00Z
2026-12-31 10:00:00|2026-12-31 10:00|2026-12-31t10:00:00.50+02:00|2026-12-31T10:00:00-05:00|12:30
1:20:30|+.inf2|=|<<|'2026-12-31'|'off'|"2.0"|'{"a": 1}'|'[1]'|'true'|!!str 1|!!float 1|!!int '3'
!!binary aGk=|!own a|!own 1|2026-12-31T24:00:00Z|0001-01-01
12e|1e|0x|_1|1_|0b|v1.2.3|1.2.3|.|+
"""
SCALARS: Final = tuple(text for line in _SCALARS.strip().split("\n") for text in line.split("|"))
"""What stands where a value may: the name of each is its number in the file."""

_KEYS: Final = r"""
  s: a
  q:s: b
  p:keys: {1: a, true: b, 2026-01-01: c, null: d, 1.5: e, 0x10: f, '': g}
  p:anchor: &x {k: v}
  p:alias: *x
  p:merged:
    <<: *x
    l: w
  p:own-first: {<<: {a: 1}, a: 2}
  p:first-first: {<<: [{a: 1}, {a: 2, b: 3}]}
  p:lines: |
    two
    lines
  p:folded: >-
    a
    b
  p:odd: "\u2028\x07"
  p:odd-within: ["\u2028<>&"]
  p:empty: ''
  p:no-map: {}
  p:no-list: []
  p:null-within: [null]
  p:bare: {a, b: }
  p:comma: [a,]
  p:half-secret: {secure: x, b: 1}
  p:number: {b: {secure: 1}}
  p:list: {secure: [1]}
  p:numbers: [1, [2.0, 1.0e2], {a: 1.10}]
  p:numbers.a: 1
  p:remark: a # a remark
  p:no-remark: 'a # none'
  p:hash: a#b
"""
ACCEPTED: Final = (
    f"unknown: 5\nconfig:{_KEYS}",
    "config:\n",
    "",
    "config: {}\n",
    "{}\n",
    "config: ~\n",
    "a: b\nConfig:\n  p:s: a\n",
    "config: {p:s: a, p:t : b}\n",
    "? config\n: {p:s: a}\n",
    "\ufeffconfig:\n  p:s: a\n",
    "%YAML 1.1\n---\nconfig:\n  p:s: {a: off}\n",
    "config:\n  p:s: a\n---\nconfig:\n  p:s: b\n",
    "config:\r\n  p:s: a\r\n  p:t: off\r\n",
)
REFUSED: Final = (
    "config: []\n",
    "config: text\n",
    "- a\n",
    "text\n",
    "config:\n\tp:s: a\n",
    "config:\n  p:s: {a: .inf}\n",
    "config:\n  p:s: .inf\n",
    "config:\n  p:s: {a: .NaN}\n",
    "config:\n  p:s: {a: 1, a: 2}\n",
    "config:\n  p:s: 1\n  p:s: 2\n",
    "config:\n  p:s: {true: a, 'true': b}\n",
    "'config': {p:s: a}\nconfig: {p:s: b}\n",
    "config:\n  p:s: {? [a]: 1}\n",
    "config:\n  p:s: {a: !!bool yes}\n",
    "config:\n  a:b:c: d\n",
    "config:\n  p:s: {a: *x}\n",
    "config:\n  p:s: &x {a: *x}\n",
    "config:\n  p:s: [a\n",
    "config:\n  p:s: 'a\n",
    "config:\n  p:s: a\n p:t: b\n",
    "config:\n  p:s: @a\n",
    "config:\n  p:s: a: b\n",
)


def scalars() -> str:
    """Return a stack's file in which each scalar stands as a value and inside a structure."""
    lines = [f"  p:v{number}: {text}\n" for number, text in enumerate(SCALARS)]
    inner = [f"    - {text}\n" for text in SCALARS]
    return "".join(["config:\n", *lines, "  p:all:\n", *inner])
