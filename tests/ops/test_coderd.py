"""What a preview means for coderd, from the steps and what its component registers."""

from collections.abc import Mapping
from typing import Any

import pytest

from components.boundary.credentials import HIDDEN
from ops import report, tokens
from ops.assessment import StackPreview
from ops.changes import UNKNOWN, Change, Step
from ops.coderd import ANOTHER, CoderdChanges, coderd

KEY = "CODER_EXTERNAL_AUTH_0_CLIENT_SECRET"
ANNOTATION = "firewalled-coder/variables"


def step(kind: str, op: str, old: Any = None, new: Any = None, **more: Any) -> Step:
    parent = more.pop("parent", tokens.CODERD_ENV)
    return Step(op, f"urn:pulumi:dev::p::{parent}${kind}::x", kind, old or {}, new or {}, **more)


def secret(op: str = "update", **more: Any) -> Step:
    """A step on the Secret of the variables; its values are hidden, as the engine hides them."""
    inputs = {"metadata": {"name": "s", "namespace": "coder"}, "data": HIDDEN}
    return step(
        tokens.SECRET_KIND,
        op,
        None if op == "create" else inputs,
        None if op == "delete" else inputs,
        **({"touched": ("data",)} if op == "update" else {}),
        **more,
    )


def pod(token: str | None = "a", env: Any = None) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "coder"}
    if env is not None:
        container["env"] = env
    else:
        container["envFrom"] = [{"secretRef": {"name": "s"}}]
    template: dict[str, Any] = {"spec": {"containers": [container]}}
    if token is not None:
        template["metadata"] = {"annotations": {ANNOTATION: token}}
    return {"metadata": {"annotations": {}}, "spec": {"template": template}}


def patch(op: str = "update", old: Any = None, new: Any = None, live: Any = None) -> Step:
    return step(tokens.DEPLOYMENT_PATCH, op, old, new, live=live or {})


def registered(**variables: str) -> Mapping[str, Any]:
    return {"variables": variables, "secretName": "s"}


def test_nothing_of_coderd_changes() -> None:
    other = step(tokens.SECRET_KIND, "update", parent="firewalledcoder:index:DataSources")
    # Another commit registers others, which a rollback of one template does not touch.
    assert coderd([other], registered(A="1"), registered(A="2")) == CoderdChanges()


def test_variables_by_name_the_logins_first_and_a_restart() -> None:
    found = coderd(
        [secret(), patch(old=pod("a"), new=pod(UNKNOWN))],
        registered(CODER_LOGGING_JSON="a", B="b", **{KEY: HIDDEN}),
        registered(CODER_LOGGING_JSON="c", **{KEY: HIDDEN}, CODER_EXTERNAL_AUTH_1_ID="second"),
    )
    assert found == CoderdChanges(
        (
            Change("CODER_EXTERNAL_AUTH_1_ID", None, "second"),
            Change("CODER_LOGGING_JSON", "a", "c"),
            Change("B", "b", None),
        ),
        restarts=True,
    )


def test_a_rotated_credential_is_named_and_nothing_of_it_shown() -> None:
    details = {f"data.{KEY}": "update"}
    found = coderd(
        [secret(details=details), patch(old=pod("a"), new=pod(UNKNOWN))],
        registered(**{KEY: HIDDEN, "A": "1"}),
        registered(**{KEY: HIDDEN, "A": "1"}),
    )
    assert found == CoderdChanges((Change(KEY, HIDDEN, HIDDEN),), restarts=True)


def test_what_the_provider_tells_of_a_variable_is_not_told_twice() -> None:
    details = {"data.A": "update", "data.B": "add", "data.C": "delete", "type": "update"}
    found = coderd([secret(details=details)], registered(A="1", C="3"), registered(A="2", B="2"))
    assert found.changes == (Change("A", "1", "2"), Change("C", "3", None), Change("B", None, "2"))


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("update", "A", Change("A", ANOTHER, "1")),
        ("update", KEY, Change(KEY, HIDDEN, HIDDEN)),
        ("add", "A", Change("A", None, "1")),
        ("add", KEY, Change(KEY, None, HIDDEN)),
        ("delete", "B", Change("B", HIDDEN, None)),
    ],
)
def test_drift_of_a_variable_in_the_cluster(kind: str, name: str, change: Change) -> None:
    same = registered(**{KEY: HIDDEN, "A": "1"})
    assert coderd([secret(details={f"data.{name}": kind})], same, same).changes == (change,)


@pytest.mark.parametrize(
    ("one", "restarts"),
    [
        (patch("create", None, pod()), True),
        (patch("delete", pod(), None), True),
        (patch("update", pod(), pod(UNKNOWN)), True),
        (patch("update", pod(), {**pod(), "metadata": {"annotations": {"x": "y"}}}), False),
    ],
)
def test_coderd_restarts_exactly_when_its_pods_change(one: Step, restarts: bool) -> None:
    assert coderd([one], registered(A="1"), registered(A="1")) == CoderdChanges((), restarts)


def test_a_chart_that_names_the_secret_has_to_roll_out() -> None:
    found = coderd([secret()], registered(A="1"), registered(A="2"))
    assert found == CoderdChanges((Change("A", "1", "2"),), restarts=False, left=("s",))
    assert coderd([secret("create")], None, registered(A="1")).left == ("s",)
    assert coderd([secret("delete")], registered(A="1"), None).left == ()
    assert coderd([step(tokens.SECRET_KIND, "update", touched=("metadata",))]).left == ()


def test_a_chart_that_sets_the_variables_has_to_roll_out_for_a_rotation() -> None:
    details = {'data["gitlab-client-secret"]': "update"}
    found = coderd([secret(parent=tokens.LOGIN, details=details)])
    assert found == CoderdChanges(
        (Change("gitlab-client-secret of Secret s", HIDDEN, HIDDEN),), left=("s",)
    )


def test_moving_from_a_patch_of_env_changes_no_variable_but_restarts() -> None:
    reference = {"secretKeyRef": {"name": "oauth", "key": "id"}}
    env = [
        {"name": KEY, "valueFrom": reference},
        {"name": "CODER_LOGGING_JSON", "value": "a"},
        # A refresh of the earlier patch put the chart's own there.
        {"name": "CODER_ACCESS_URL", "value": "https://coder"},
    ]
    steps = [
        secret("create"),
        patch(old=pod(None, env), new=pod(UNKNOWN)),
        secret("delete", parent=tokens.LOGIN),
    ]
    after = registered(**{KEY: HIDDEN, "CODER_LOGGING_JSON": "a"})
    assert coderd(steps, {"names": [KEY]}, after) == CoderdChanges((), restarts=True)
    # A refresh cut them: as many entries as before, by place, with the keys of what stood there.
    cut = [{"name": "CODER_ACCESS_URL"}, {"name": KEY}]
    read = [env[2], env[0], env[1]]
    steps[1] = patch(old=pod(None, cut), new=pod(UNKNOWN), live=pod(None, read))
    assert coderd(steps, {"names": [KEY]}, after) == CoderdChanges((), restarts=True)
    # And back, by a rollback to a commit of before.
    back = [patch(old=pod("a"), new=pod(None, env[:2]))]
    assert coderd(back, after, {"names": [KEY]}) == CoderdChanges((), restarts=True)


def test_a_value_that_looks_like_a_credential_is_hidden_whatever_was_registered() -> None:
    found = coderd([secret()], registered(PASSWORD="hunter2"), registered(PASSWORD="hunter3"))
    assert "hunter" not in str(found)


HANDED_OVER = (
    "coderd keeps the log and metrics that dashboards and alerts read only if others set them",
)


@pytest.mark.parametrize(
    ("steps", "new"),
    [
        # By `none` and `chart`, from `patch` and from `secret`.
        ([secret("delete"), patch("delete", pod())], None),
        ([secret("delete")], None),
        # By `secret`: the chart has to name what the stack still makes.
        ([patch("delete", pod())], registered(CODER_LOGGING_JSON="a", B="b")),
    ],
)
def test_an_audit_log_that_is_left_to_others_is_a_warning(steps: list[Step], new: Any) -> None:
    old = registered(CODER_LOGGING_JSON="a", B="b")
    found = coderd(steps, old, new)
    assert found.warnings == HANDED_OVER
    told = "coderd goes without what nobody else sets"
    preview = StackPreview("dev", steps=tuple(steps), old_coderd=old, new_coderd=new)
    assert told in report.to_markdown([preview])
    assert HANDED_OVER[0] in report.headline([preview])
    # The login alone is no audit.
    assert not coderd(steps, registered(B="b"), new and registered(B="b")).warnings


def test_an_audit_log_switched_off_is_a_warning() -> None:
    on, off = registered(CODER_LOGGING_JSON="a", B="b"), registered(B="b")
    steps = [secret(), patch(old=pod("a"), new=pod(UNKNOWN))]
    assert coderd(steps, on, off).warnings == (
        "coderd no longer writes the log and metrics that dashboards and alerts read",
    )
    assert not coderd(steps, off, on).warnings
    assert not coderd(steps, on, on).warnings
