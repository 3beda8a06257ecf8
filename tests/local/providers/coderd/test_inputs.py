"""What a template's inputs may be, and when a mistake in them is told."""

from pathlib import Path
from typing import Any

import pytest

from local.providers.base import ProviderError
from tests.local.providers.coderd.engine import MAIN, Engine, version


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({"name": "a_b"}, "name", "is no template name"),
        ({"name": "a" * 33}, "name", "is no template name"),
        ({"name": "new"}, "name", "cannot use 'new' as a name"),
        ({"name": 1}, "name", "must be a string"),
        ({"nmae": "a"}, "nmae", "is not an input"),
        ({"defaultTtlMs": 1.5}, "defaultTtlMs", "must be a whole number"),
        ({"icon": True}, "icon", "must be a string"),
        ({"maxPortShareLevel": "all"}, "maxPortShareLevel", "is not one of"),
        ({"corsBehavior": "none"}, "corsBehavior", "simple, passthru"),
        ({"autoStopRequirement": {"daysOfWeeks": ["mon"]}}, "autoStopRequirement.daysOfWeeks", "m"),
        ({"autoStartPermittedDaysOfWeeks": ["x"]}, "autoStartPermittedDaysOfWeeks", "monday"),
        ({"acl": {"groups": []}}, "", "Missing required property 'acl.users'"),
        (
            {"acl": {"groups": [{"id": "a", "role": "root"}], "users": []}},
            "acl.groups[0].role",
            "is not one of admin, use",
        ),
        ({"versions": []}, "versions", "must have at least 1 element"),
        ({"versions": None}, "", "Missing required property 'versions'"),
        ({"versions": [{"active": True}]}, "", "Missing required property 'versions[0].directory'"),
        ({"versions": [version(name="a b")]}, "versions[0].name", "is no name of a version"),
        ({"versions": [version(), version(active=False)]}, "versions", "must be unique"),
        (
            {"versions": [version(), version(name="b")]},
            "versions",
            "Only one template version can be",
        ),
        (
            {"versions": [version(tfVars=[{"name": "image"}])]},
            "",
            "Missing required property 'versions[0].tfVars[0].value'",
        ),
    ],
)
def test_inputs_that_are_refused(
    template: Engine, name: str, inputs: dict[str, Any], path: str, reason: str
) -> None:
    failures = template.failures(**{"name": name, "versions": [version()], **inputs})
    assert failures.keys() == {path}
    assert reason in failures[path]


def test_all_problems_are_said_at_once(template: Engine) -> None:
    failures = template.failures(name="-", corsBehavior="none", versions=[])
    assert failures.keys() == {"name", "corsBehavior", "versions"}


def test_a_directory_is_looked_at_when_an_update_is_planned_and_packed_when_it_is_made(
    template: Engine, root: Path, name: str
) -> None:
    for folder in ("empty", "vars", "big"):
        (root / folder).mkdir()
    (root / "empty" / "README.md").touch()
    for folder in ("vars", "big"):
        (root / folder / "main.tf").write_text(MAIN)
    (root / "vars" / "terraform.tfvars").write_text('image = "x"\n')
    (root / "big" / "blob").write_bytes(b"x" * (1 << 20))
    with pytest.raises(ProviderError, match="Failed to compute directory hash"):
        template.preview(name=name, versions=[version(directory="gone")])
    for folder, reason in (("empty", "no .tf file"), ("vars", "as tf_vars"), ("big", "1048576")):
        versions = [version(directory=folder)]
        assert template.preview(name=name, versions=versions)["name"] == name
        with pytest.raises(ProviderError, match=f"failed to upload directory: .*{reason}"):
            template.create(name=name, versions=versions)


def test_what_coderd_refuses_is_found_when_it_is_asked(template: Engine, name: str) -> None:
    with pytest.raises(ProviderError, match=r"(?s)400: Validation failed.*Must be a positive"):
        template.create(name=name, failureTtlMs=-1, versions=[version()])
