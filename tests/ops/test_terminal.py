"""What the commands show is what was said."""

from collections.abc import Callable

import pytest

from ops import terminal


@pytest.mark.parametrize("show", [terminal.fail, terminal.progress])
def test_a_word_between_colons_is_no_picture(
    show: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    show("path=/:key:/[bold]")
    assert "path=/:key:/[bold]" in capsys.readouterr().err
