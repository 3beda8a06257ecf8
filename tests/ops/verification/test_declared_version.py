"""Whether Coder's active version is what the settings make, in files, variables and name."""

import io
import tarfile
from collections.abc import Callable, Mapping

import pytest

from components.coder.lookup import Known
from components.settings.model import Settings
from components.workspace_template.render import RenderedTemplate, render
from ops import stacks
from ops.project import ROOT
from ops.verification.declared_version import DeclaredVersions
from ops.verification.deployment import Job, TemplateVersion
from ops.verification.model import Failed, NotChecked
from program.plan import workspace_template
from tests.ops.verification.fake_coderd import FakeCoderd
from tests.ops.verification.making import deployment

DEV = stacks.settings("dev")
CODER_2_37 = (2, 37, 0)
WIDER = b"- domain=pastebin.com\n"


def made(settings: Settings = DEV) -> RenderedTemplate:
    (template,) = [each for each in settings.templates if each.name == "firewalled"]
    known = Known(organization_id="o-1", release=CODER_2_37)
    return render(workspace_template("dev", settings, template, known, ROOT))


def archive(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


Compare = Callable[..., str]


@pytest.fixture
def compare() -> Compare:
    rendered = made()

    def compare(
        name: str = f"{rendered.digest[:8]}-kind-otter",
        settings: Settings = DEV,
        template: str = "firewalled",
        variables: Mapping[str, str] | None = None,
        **files: bytes | None,
    ) -> str:
        coderd = FakeCoderd()
        coderd.features["advanced_template_scheduling"] = {"enabled": True}
        every = {**rendered.files, **{k.replace("__", "."): v for k, v in files.items()}}
        coderd.files = {"file-1": archive({k: v for k, v in every.items() if v is not None})}
        coderd.variables = {**rendered.variables, **(variables or {})}
        version = TemplateVersion(
            id="version-firewalled", name=name, job=Job(status="succeeded", file_id="file-1")
        )
        with deployment(coderd) as asked:
            return DeclaredVersions("dev", settings, asked, ROOT).compare(template, version)

    return compare


def test_what_these_settings_make(compare: Compare) -> None:
    assert "has the files and variables that these settings make" in compare()


def test_rules_that_somebody_else_pushed_are_named(compare: Compare) -> None:
    config = made().files["boundary.yaml"]
    wider = config.replace(b"allowlist:\n", b"allowlist:\n" + WIDER)
    assert wider != config
    with pytest.raises(Failed, match=r"boundary\.yaml has sha256 .*, and the settings'") as failed:
        compare(boundary__yaml=wider)
    assert "1 rules more (domain=pastebin.com)" in str(failed.value)
    assert "python -m ops up STACK" in failed.value.next_step


def test_settings_that_were_not_brought_up_are_told_by_what_they_take_away(
    compare: Compare,
) -> None:
    policy = DEV.policy.model_copy(update={"groups": DEV.policy.groups[:1]})
    narrower = DEV.model_copy(update={"policy": policy})
    with pytest.raises(Failed, match=r"\d+ rules more \(.* and \d+ more\)"):
        compare(settings=narrower)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"sizes__json": b"{}"}, "files changed: sizes.json"),
        ({"sizes__json": None}, "files missing: sizes.json"),
        ({"extra__tf": b""}, "files more: extra.tf"),
        (
            {"variables": {"firewall": "false"}},
            "its variable firewall is 'false', and the settings' 'true'",
        ),
        ({"name": "tweaked"}, "its name does not begin with "),
        ({"boundary__yaml": b"\xff"}, "boundary.yaml has sha256 "),
    ],
)
def test_anything_else_of_it(compare: Compare, change: dict[str, bytes], detail: str) -> None:
    with pytest.raises(Failed) as failed:
        compare(**change)
    assert detail in str(failed.value)


def test_settings_that_cannot_be_rendered_here_are_said(compare: Compare) -> None:
    coder = DEV.coder.model_copy(update={"organization": "nowhere"})
    with pytest.raises(NotChecked, match=r"cannot be rendered: coder\.organization"):
        compare(settings=DEV.model_copy(update={"coder": coder}))
    with pytest.raises(NotChecked, match="they have no template gone"):
        compare(template="gone")
