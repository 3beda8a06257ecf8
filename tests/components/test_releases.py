import pytest

from components import releases


@pytest.mark.parametrize(
    ("text", "release", "claude_code", "boundary"),
    [
        ("4.7.0", True, True, True),
        ("4.6.9", True, False, True),
        ("5.0.0", True, False, True),
        ("5.3.9", True, False, True),
        ("5.4.0", True, True, True),
        ("6.0.0", True, False, True),
        ("v0.9.0", False, False, True),
        ("vv0.9.0", False, False, False),
        ("latest", False, False, True),
        ("4.7", False, False, False),
        ("4.7.3\n", False, False, False),
    ],
)
def test_a_release_is_what_it_is_for(
    text: str, release: bool, claude_code: bool, boundary: bool
) -> None:
    assert releases.is_release(text) is release
    assert releases.is_claude_code_module(text) is claude_code
    assert releases.is_boundary(text) is boundary
