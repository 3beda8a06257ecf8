"""Whatever is cut, what follows stands outside of it: read by a Markdown parser of its own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ops.comment import compose
from ops.review.cutting import cut, size

CASES = Path(__file__).parent / "cases"
AFTER = "The end."


def is_outside(text: str) -> None:
    """Hold that what follows a cut text is a paragraph of its own, and nothing is folded."""
    tokens = MarkdownIt("commonmark").parse(f"{text}\n\n{AFTER}")
    assert [token.content for token in tokens if token.type == "inline"][-1] == AFTER
    shown = "".join(token.content for token in tokens if token.type == "html_block").lower()
    assert shown.count("<details") == shown.count("</details>")


@pytest.mark.parametrize("name", ["four-ticks.md", "tilde.md"])
@pytest.mark.parametrize("room", [200, 400, 1000, 3000])
def test_what_is_open_is_closed(name: str, room: int) -> None:
    text = (CASES / name).read_text()
    found = cut(text, room)
    assert size(found) <= room
    assert "left out here" in found
    is_outside(found)


@pytest.mark.parametrize(
    "opening",
    [
        "````diff\n```\n",
        "~~~~text\n~~~\n```\n",
        "<details open>\n<summary>all</summary>\n\n",
        "<DETAILS>\n<summary>one</summary>\n\n<details class='a'>\n<summary>two</summary>\n\n",
        "~~~ a`b\n",
        "a `<details>` in code\n\n",
        "   ```text\n    ```\n",
        "- item\n\n  ```text\n",
        "<!-- a marker\n",
        "<!-- one --> and <!-- another\n",
        "<pre>\n",
        "  <PRE class='a'>text</pre> <script>\n",
    ],
)
def test_every_kind_of_opening(opening: str) -> None:
    # As the lines of a list's item stand.
    indent = "  " if opening.startswith("- ") else ""
    found = cut(opening + f"{indent}line\n" * 400, 600)
    assert size(found) <= 600
    assert "line\n" in found
    is_outside(found)


@pytest.mark.parametrize("line", ["x" * 5000, "ü" * 5000, "🔥" * 2000])
def test_one_line_that_is_too_long_is_cut_inside(line: str) -> None:
    found = cut(f"# Report\n\n{line}\nthe last", 1000)
    assert 900 < size(found) <= 1000
    assert line[:100] in found
    assert "The rest of this line and 1 lines are left out here." in found
    is_outside(found)


@pytest.mark.parametrize("line", ["<!-- " + "x" * 5000, "<pre>" + "x" * 5000])
def test_no_line_is_cut_inside_that_would_hide_what_follows(line: str) -> None:
    is_outside(cut(f"# Report\n\n{line}\nthe last", 1000))


def test_a_comment_of_one_line_is_not_empty() -> None:
    said = compose("preview", ["y" * 200_000], 65_536)
    assert 65_000 < size(said) <= 65_536
    assert "The rest of this line is left out here." in said


@given(
    st.lists(
        st.sampled_from(
            ["```", "````text", "~~~", "<details>", "</details>", "<summary>a</summary>", "",
             "text", "`code`", "ü" * 40, "    ```", "- item", "x" * 300]
        ),
        max_size=60,
    ),
    st.integers(200, 900),
)  # fmt: skip
def test_nothing_is_longer_than_its_room_and_fences_are_closed(lines: list[str], room: int) -> None:
    text = "\n".join(lines)
    found = cut(text, room)
    if size(text) <= room:
        assert found == text
        return
    assert size(found) <= room or found.count("</details>") > 5
