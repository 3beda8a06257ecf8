"""The section `policy`: Boundary's egress policy."""

from typing import Annotated, Any

from pydantic import Field

from components.boundary import (
    DEFAULT,
    Contract,
    Expectation,
    Grade,
)
from components.boundary.redaction import shown
from components.settings.section import Flag, SettingsSection, no_list
from components.settings.types import (
    GroupName,
    NoDuplicates,
    RuleText,
)


class Expected(SettingsSection):
    """One URL of the policy's contract."""

    method: str = Field("GET", pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", description="HTTP method.")
    url: str = Field(min_length=1, description="URL that the agent asks for.")
    reason: str = Field(min_length=1, description="Why it must be so; shown when it is broken.")


class AddedRule(SettingsSection):
    """A rule of the stack's own."""

    rule: RuleText = Field(description="In Boundary's grammar: method=GET domain=a.b path=/c/*")
    why: str = Field(min_length=1, description="Why an agent needs it; shown in reviews.")


class PolicySettings(SettingsSection):
    """The egress policy."""

    groups: Annotated[list[GroupName], NoDuplicates] = Field(
        default_factory=lambda: list(DEFAULT),
        description="Groups of the catalogue; all but the read-only ones if unset.",
    )
    rules: list[AddedRule] = Field(
        default_factory=no_list, description="Rules besides the groups'."
    )
    must_allow: list[Expected] = Field(default_factory=no_list, description="Must be allowed.")
    must_deny: list[Expected] = Field(default_factory=no_list, description="Must be denied.")
    accept_everything: Flag = Field(
        False, description="Accept rules that open every host; an error otherwise."
    )
    highest_grade: Grade = Field(
        "G", description="The worst exfiltration grade accepted; H: agents can leave the firewall."
    )

    @property
    def contract(self) -> Contract:
        """What the stack demands of its policy."""
        return Contract(
            must_allow=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_allow),
            must_deny=tuple(Expectation(e.method, e.url, e.reason) for e in self.must_deny),
        )

    @property
    def demands(self) -> dict[str, Any]:
        """The contract and the accepted grade as plain data, by which reviews tell a change.

        URLs are as they may be shown: it stands in the state in clear.
        """

        def lines(expected: list[Expected]) -> dict[str, str]:
            return {f"{each.method} {shown(each.url)}": each.reason for each in expected}

        return {
            "mustAllow": lines(self.must_allow),
            "mustDeny": lines(self.must_deny),
            "highestGrade": self.highest_grade,
            "acceptEverything": self.accept_everything,
        }
