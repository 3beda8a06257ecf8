"""A stack's file as ops reads it; test_stack_file_local.py asks the engine about the same files."""

import pytest

from ops import stack_file
from ops.stack_file import StackFileError
from tests.ops.stack_files import ACCEPTED, REFUSED, scalars


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_engine_refuses_is_refused(text: str) -> None:
    with pytest.raises(StackFileError):
        stack_file.config(text.encode())


@pytest.mark.parametrize("text", [*ACCEPTED, scalars()])
def test_what_the_engine_reads_is_read(text: str) -> None:
    assert all(isinstance(value, str) for value in stack_file.config(text.encode()).values())


def test_words_of_yaml_1_1_are_text_and_a_date_is_no_day() -> None:
    content = b"config:\n  s: {a: off, b: yes, c: 2026-12-31, d: 1:30, e: 010}\n  t: '5'\n"
    assert stack_file.values(content) == {
        "s": {"a": "off", "b": "yes", "c": "2026-12-31 00:00:00 +0000 UTC", "d": "1:30", "e": 8},
        "t": 5,
    }


def test_a_secret_is_a_placeholder() -> None:
    content = b"config:\n  s: {secure: dG9w}\n  t: {a: [{secure: dG9w}]}\n"
    assert stack_file.values(content) == {"s": "[secret]", "t": {"a": ["[secret]"]}}


def test_a_refusal_says_where_and_shows_nothing_of_the_line() -> None:
    with pytest.raises(StackFileError) as caught:
        stack_file.config(b"config:\n  a: 1\n  secret: 'hunter2\n")
    assert caught.value.where in {3, 4}
    assert "hunter2" not in str(caught.value)


def test_other_encodings_of_text_are_read_or_refused() -> None:
    assert stack_file.values("config:\n  s: ü\n".encode("utf-16")) == {"s": "ü"}
    with pytest.raises(StackFileError):
        stack_file.config(b"config:\n  s: \xff\xfe\n")


def test_deep_nesting_is_refused_and_not_a_traceback() -> None:
    with pytest.raises(StackFileError):
        stack_file.config(b"config:\n  s: " + b"[" * 5000 + b"]" * 5000)
