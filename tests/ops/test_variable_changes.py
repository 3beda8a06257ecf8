"""Variables that a module of Claude Code sets are neither gone nor new where it does."""

import pytest

from ops import report
from ops.assessment import StackPreview
from ops.template_changes import Registered

TOKEN, KEY = "ANTHROPIC_AUTH_TOKEN", "CLAUDE_API_KEY"
SET = "set by the module claude-code"


def lines(name: str, old: str, new: str, *, goes: bool) -> str:
    """Return the report of a variable that one side's settings have, by its modules' releases."""
    sides = [{"t": {name: "owner"}}, {"t": {}}]
    old_templates, new_templates = (
        {"t": Registered.of({"pins": {"module claude-code": each} if each else {}})}
        for each in (old, new)
    )
    return report.to_markdown(
        [
            StackPreview(
                "dev",
                old_variables=sides[not goes],
                new_variables=sides[goes],
                old_templates=old_templates,
                new_templates=new_templates,
            )
        ]
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "goes", "said"),
    [
        (TOKEN, "4.7.3", "5.4.0", True, f"→ stays, **{SET}** to the owner's session token"),
        (KEY, "5.4.0", "4.7.3", True, f"→ stays, **{SET}** to the owner's session token"),
        ("ANTHROPIC_BASE_URL", "", "5.4.0", True, f"→ stays, **{SET}** to Coder's AI Gateway"),
        # A rollback to what set it by itself.
        (TOKEN, "5.4.0", "4.7.3", False, f": {SET} to the owner's session token → `[secret]`"),
        (TOKEN, "5.4.0", "4.7.3", True, "`[secret]` → **removed**"),
        (TOKEN, "5.4.0", "", True, "`[secret]` → **removed**"),
        (TOKEN, "4.7.3", "5.4.0", False, "not set → `[secret]`"),
        ("OTHER", "5.4.0", "5.4.0", True, "`owner` → **removed**"),
    ],
)
def test_a_variable_that_the_module_sets_is_not_told_as_gone(
    name: str, old: str, new: str, goes: bool, said: str
) -> None:
    text = lines(name, old, new, goes=goes)
    assert f"  - `{name}`: " in text.replace("⚠️ ", "")
    assert said in text
