from components.boundary import Policy, PolicyRule, Rule
from ops.assessment import StackPreview
from ops.changes import Step
from ops.headline import headline
from ops.tokens import MCP_SERVER

ONE = Policy([PolicyRule(Rule.parse("domain=a.example"), "extra", "test")])
CREATED = Step("create", f"urn::{MCP_SERVER}::s", MCP_SERVER, {}, {"slug": "s", "url": "u"})


def test_a_stack_that_fails_hides_nothing_of_the_others() -> None:
    fails = StackPreview("usgov", failure="no rule opens https://a.example/")
    opens = StackPreview("local", {"t": ONE}, {"t": None})
    assert headline([fails, opens]) == (
        "⛔ the preview of usgov fails; of the others: ⚠️ agents reach more than they do now"
    )
    gets = StackPreview("b", steps=(CREATED,))
    assert headline([gets, fails]) == (
        "⛔ the preview of usgov fails; of the others: ⚠️ agents get more MCP tools"
    )
    assert headline([fails]) == "⛔ the preview fails; nothing can be applied"
