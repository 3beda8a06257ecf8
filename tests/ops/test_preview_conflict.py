"""A preview that meets a field of somebody else names the way out that `up` names."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult

from components.settings.model import Settings
from ops import preview, provider_inputs, report
from ops.conflicts import WAY_OUT

ROOT = Path(__file__).resolve().parents[2]
SAID = 'Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.a'
URN = "urn:pulumi:dev::firewalled-coder::kubernetes:core/v1:ConfigMap::panels"


@pytest.mark.parametrize("refresh", [False, True])
def test_the_way_out_stands_in_the_report(refresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_inputs, "StackState", lambda _: None)
    monkeypatch.setattr(provider_inputs, "differing", lambda *_, **__: ())
    asked: list[Any] = []

    def run(**options: Any) -> None:
        asked.append(options["refresh"])
        told = SimpleNamespace(urn=URN, message=SAID, severity="error")
        options["on_event"](
            SimpleNamespace(
                resource_pre_event=None,
                res_outputs_event=None,
                summary_event=None,
                diagnostic_event=told,
            )
        )
        raise automation.CommandError(
            CommandResult(stdout="", stderr="error: preview failed", code=1)
        )

    session: Any = SimpleNamespace(stack=SimpleNamespace(preview=run), work_dir=ROOT)
    found = preview.assess(session, "dev", refresh=refresh)
    assert bool(asked[0]) is refresh
    assert f"panels: {SAID}" in found.failure
    assert WAY_OUT in found.failure
    assert "PULUMI_K8S_ENABLE_PATCH_FORCE=true" in report.to_markdown([found])


def test_the_setting_that_it_names_is_there() -> None:
    assert "kubernetes.forceConflicts" in WAY_OUT
    kubernetes: Any = Settings.model_fields["kubernetes"].annotation
    assert "forceConflicts" in {each.alias for each in kubernetes.model_fields.values()}
