"""What docs/rights.md says of rights is what docs/deployer-rbac.yaml gives."""

import re

from components.coder import chart
from components.observability import grafana_defaults
from components.workspace_template.values import NAMESPACE
from docs import examples
from tests.program import rights

PAGE = (examples.ROOT / "docs" / "rights.md").read_text(encoding="utf-8")
DEFAULTS = {
    "coder.namespace": chart.NAMESPACE,
    "grafana.namespace": grafana_defaults.NAMESPACE,
    "alerts.namespace": grafana_defaults.NAMESPACE,
    "workspaces.namespace": NAMESPACE,
    "none": "",
}


def test_the_table_has_every_kind_that_the_file_gives_rights_to() -> None:
    named, namespace = set(), ""
    for key, kinds, _ in examples.tables(PAGE, "namespace | kinds | for"):
        namespace = DEFAULTS[key] if key else namespace
        named |= {(namespace, kind) for kind in re.findall(r"[a-z]+", kinds)}
    given = {
        (each["metadata"].get("namespace", ""), resource)
        for each in rights.objects()
        for rule in each.get("rules", ())
        for resource in rule["resources"]
    }
    assert named == given


def test_every_role_is_bound_to_the_user() -> None:
    roles = [each for each in rights.objects() if "rules" in each]
    bindings = [each for each in rights.objects() if "rules" not in each]
    assert [(each["kind"], each["metadata"]) for each in roles] == [
        (each["roleRef"]["kind"], each["metadata"]) for each in bindings
    ]
    subjects = [subject["name"] for each in bindings for subject in each["subjects"]]
    assert subjects == [rights.USER] * len(roles)
