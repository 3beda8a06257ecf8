"""The package kubernetes, call by call, against the real API server."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from local.cluster import Cluster
from local.providers.base import Autoname, Call, InitFailed, ProviderError
from local.providers.kubernetes import KubernetesProvider
from local.providers.wire import UNKNOWN, Secret, plain
from local.seed import ENVIRONMENT

COLLECTIONS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
}
SELECTOR = {"matchLabels": {"app": "x"}}
SEEDED = [entry["name"] for entry in ENVIRONMENT]


def call(kind: str, name: str = "n", **more: Any) -> Call:
    module = {"Deployment": "apps/v1", "DeploymentPatch": "apps/v1", "Job": "batch/v1"}
    token = f"kubernetes:{module.get(kind, 'core/v1')}:{kind}"
    return Call(urn=f"urn:pulumi:test::p::{token}::{name}", type=token, name=name, **more)


def config_map(namespace: str, name: str = "settings", **data: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def deployment(namespace: str, **container: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": SELECTOR,
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "web", "image": "web:1", **container}]},
            },
        },
    }


def coder_patch(*variables: dict[str, Any], **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "coder",
            "namespace": "coder",
            "annotations": {"pulumi.com/skipAwait": "true", **annotations},
        },
        "spec": {"template": {"spec": {"containers": [{"name": "coder", "env": list(variables)}]}}},
    }


class Api:
    """What somebody else does with the cluster."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.http = cluster.client()
        self.namespace = namespace

    def path(self, kind: str, name: str) -> str:
        return f"{COLLECTIONS[kind].format(self.namespace)}/{name}"

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        answer = self.http.get(self.path(kind, name))
        return None if answer.status_code == 404 else answer.json()

    def merge(self, kind: str, name: str, change: dict[str, Any]) -> None:
        answer = self.http.patch(
            self.path(kind, name),
            json=change,
            params={"fieldManager": "somebody"},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        answer.raise_for_status()

    def make(self, manifest: dict[str, Any]) -> None:
        collection = COLLECTIONS[manifest["kind"]].format(self.namespace)
        self.http.post(
            collection, json=manifest, params={"fieldManager": "somebody"}
        ).raise_for_status()

    def coder(self) -> dict[str, Any]:
        return self.http.get("/apis/apps/v1/namespaces/coder/deployments/coder").json()

    def coder_variables(self) -> list[str]:
        container = self.coder()["spec"]["template"]["spec"]["containers"][0]
        return [entry["name"] for entry in container["env"]]

    def coder_managers(self) -> set[str]:
        return {entry["manager"] for entry in self.coder()["metadata"]["managedFields"]}


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    name = f"ns-{abs(hash(request.node.nodeid)) % 10**12}"
    with cluster.client() as client:
        client.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
    return name


@pytest.fixture
def api(cluster: Cluster, namespace: str) -> Iterator[Api]:
    api = Api(cluster, namespace)
    yield api
    api.http.close()


@pytest.fixture
def connect(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., KubernetesProvider]]:
    made: list[KubernetesProvider] = []

    def connect(**options: Any) -> KubernetesProvider:
        provider = KubernetesProvider(tmp_path)
        provider.configure({"kubeconfig": str(cluster.kubeconfig), **options})
        made.append(provider)
        return provider

    yield connect
    for provider in made:
        provider.close()


@pytest.fixture
def provider(connect: Callable[..., KubernetesProvider]) -> KubernetesProvider:
    return connect()


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    return """
apiVersion: v1
kind: Config
current-context: away
clusters: [{name: away, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: away, user: {token: t0ken-of-nobody}}]
contexts: [{name: away, context: {cluster: away, user: away}}]
"""


class TestCreate:
    def test_an_object_of_somebody_else_is_refused(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        api.make(config_map(api.namespace, a="theirs"))
        for preview in (True, False):
            with pytest.raises(ProviderError, match='configmaps "settings" already exists'):
                provider.create(
                    call("ConfigMap", preview=preview), config_map(api.namespace, a="ours")
                )
        found = api.get("ConfigMap", "settings")
        assert found is not None
        assert found["data"] == {"a": "theirs"}

    def test_upsert_takes_it(self, connect: Callable[..., KubernetesProvider], api: Api) -> None:
        api.make(config_map(api.namespace, a="1"))
        made = connect(upsertExistingObjects="true").create(
            call("ConfigMap"), config_map(api.namespace, b="2")
        )
        assert made.state["data"] == {"a": "1", "b": "2"}

    def test_what_a_killed_update_made_is_picked_up(
        self, provider: KubernetesProvider, connect: Callable[..., KubernetesProvider], api: Api
    ) -> None:
        first = provider.create(call("ConfigMap"), config_map(api.namespace, a="1", b="1"))
        # The engine died before it wrote the state: the next one creates again.
        second = connect().create(call("ConfigMap"), config_map(api.namespace, a="2"))
        assert second.state["metadata"]["uid"] == first.state["metadata"]["uid"]
        assert second.state["data"] == {"a": "2"}
        with pytest.raises(ProviderError, match="already exists"):
            provider.create(call("ConfigMap", "another"), config_map(api.namespace, a="3"))

    def test_preview_shows_the_servers_defaults_and_makes_nothing(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        made = provider.create(call("Deployment", preview=True), deployment(api.namespace))
        assert made.state["spec"]["strategy"]["type"] == "RollingUpdate"
        assert made.state["metadata"]["uid"] is UNKNOWN
        assert api.get("Deployment", "web") is None

    def test_preview_finds_what_the_server_refuses(
        self, provider: KubernetesProvider, namespace: str
    ) -> None:
        wrong = deployment(namespace)
        wrong["spec"]["template"]["metadata"]["labels"] = {"app": "y"}
        with pytest.raises(ProviderError, match=r"refused Deployment .*selector.*does not match"):
            provider.create(call("Deployment", preview=True), wrong)

    def test_preview_waits_for_a_namespace_that_the_update_makes(
        self, provider: KubernetesProvider
    ) -> None:
        made = provider.create(call("ConfigMap", preview=True), config_map("not-yet", a="1"))
        assert made.state["data"] == {"a": "1"}
        assert made.state["metadata"]["uid"] is UNKNOWN

    def test_the_update_waits_for_its_namespace(
        self, provider: KubernetesProvider, cluster: Cluster
    ) -> None:
        name = f"late-{time.monotonic_ns()}"

        def make_namespace() -> None:
            with cluster.client() as client:
                client.post("/api/v1/namespaces", json={"metadata": {"name": name}})

        timer = threading.Timer(0.3, make_namespace)
        timer.start()
        made = provider.create(call("ConfigMap"), config_map(name, a="1"))
        timer.join()
        assert made.id == f"{name}/settings"

    def test_unknown_inputs_are_planned(self, provider: KubernetesProvider, namespace: str) -> None:
        made = provider.create(
            call("ConfigMap", preview=True), config_map(namespace, a=Secret(UNKNOWN))
        )
        assert made.state["data"] == {"a": Secret(UNKNOWN)}

    def test_an_unknown_kind_is_refused(self, provider: KubernetesProvider, namespace: str) -> None:
        inputs = {**config_map(namespace), "kind": "ConfigMop"}
        with pytest.raises(ProviderError, match="knows no v1 ConfigMop"):
            provider.create(call("ConfigMop"), inputs)

    def test_fields_the_server_does_not_know_are_refused(
        self, provider: KubernetesProvider, namespace: str
    ) -> None:
        wrong = deployment(namespace, imagePullPolice="Always")
        with pytest.raises(ProviderError, match="imagePullPolice: field not declared in schema"):
            provider.create(call("Deployment", preview=True), wrong)

    def test_the_servers_warnings_are_shown(
        self, provider: KubernetesProvider, namespace: str
    ) -> None:
        warnings: list[str] = []
        provider.warn = lambda urn, message: warnings.append(message)
        inputs = deployment(namespace)
        inputs["spec"]["template"]["spec"]["nodeSelector"] = {"beta.kubernetes.io/arch": "amd64"}
        provider.create(call("Deployment", preview=True), inputs)
        assert len(warnings) == 1
        assert "deprecated since v1.14" in warnings[0]


class TestCheck:
    def test_names_are_made_and_kept(self, provider: KubernetesProvider, namespace: str) -> None:
        new = {"metadata": {"namespace": namespace}, "data": {"a": "1"}}
        first = provider.check(call("ConfigMap", "cfg", seed=b"1"), {}, new).inputs
        second = provider.check(call("ConfigMap", "cfg", seed=b"2"), first, new).inputs
        assert first["metadata"]["name"].startswith("cfg-")
        assert second == first
        assert first["kind"] == "ConfigMap"
        assert first["apiVersion"] == "v1"

    @pytest.mark.parametrize(
        ("autoname", "name"),
        [(Autoname("proposed"), "proposed"), (Autoname("", disabled=True), None)],
    )
    def test_the_engines_wishes_for_names(
        self, provider: KubernetesProvider, autoname: Autoname, name: str | None
    ) -> None:
        checked = provider.check(call("ConfigMap", autoname=autoname), {}, {})
        assert checked.inputs["metadata"].get("name") == name
        assert bool(checked.failures) == (name is None)

    def test_the_namespace_is_the_providers(
        self, connect: Callable[..., KubernetesProvider]
    ) -> None:
        new = {"metadata": {"name": "x"}}
        by_option = connect(namespace="coder").check(call("ConfigMap"), {}, new).inputs
        by_default = connect().check(call("ConfigMap"), {}, new).inputs
        cluster_wide = connect(namespace="coder").check(call("Namespace"), {}, new).inputs
        assert by_option["metadata"]["namespace"] == "coder"
        assert by_default["metadata"]["namespace"] == "default"
        assert "namespace" not in cluster_wide["metadata"]

    def test_what_is_in_a_secret_is_secret(self, provider: KubernetesProvider) -> None:
        new = {"metadata": {"name": "x"}, "stringData": {"k": "hunter2"}, "data": {"j": "aGk="}}
        inputs = provider.check(call("Secret"), {}, new).inputs
        assert inputs["stringData"] == Secret({"k": "hunter2"})
        assert inputs["data"] == Secret({"j": "aGk="})

    @pytest.mark.parametrize(
        ("kind", "metadata", "path"),
        [
            ("DeploymentPatch", {}, "metadata.name"),
            ("ConfigMap", {"generateName": "x-"}, "metadata.generateName"),
            (
                "ConfigMap",
                {"name": "x", "annotations": {"pulumi.com/waitFor": "condition=Ready"}},
                'metadata.annotations["pulumi.com/waitFor"]',
            ),
        ],
    )
    def test_what_cannot_be_done_is_refused(
        self, provider: KubernetesProvider, kind: str, metadata: dict[str, Any], path: str
    ) -> None:
        new = {"metadata": metadata, "kind": kind.removesuffix("Patch")}
        checked = provider.check(call(kind), {}, new)
        assert path in [failure[0] for failure in checked.failures]

    def test_packages_that_need_a_program_of_their_own_are_refused(
        self, provider: KubernetesProvider
    ) -> None:
        release = Call(urn="urn", type="kubernetes:helm.sh/v3:Release", name="r")
        with pytest.raises(ProviderError, match=r"does not serve kubernetes:helm\.sh"):
            provider.check(release, {}, {"chart": "coder"})


class TestDiff:
    @pytest.mark.parametrize(
        ("change", "paths"),
        [
            ({"metadata": {"name": "other", "namespace": "n"}}, {"metadata.name": True}),
            ({"metadata": {"name": "x", "namespace": "m"}}, {"metadata.namespace": True}),
            ({"data": {"a": "2"}}, {"data.a": True}),
            ({"data": {"a": "1", "new.key": "2"}}, {'data["new.key"]': True}),
            ({"data": UNKNOWN}, {"data": True}),
            (
                {"metadata": {"name": "x", "namespace": "n", "labels": {"l": "1"}}},
                {"metadata.labels": False},
            ),
            ({}, {}),
        ],
    )
    def test_config_map(
        self, provider: KubernetesProvider, change: dict[str, Any], paths: dict[str, bool]
    ) -> None:
        old = config_map("n", "x", a="1")
        found = provider.diff(call("ConfigMap"), old, {}, {**old, **change})
        assert {path: entry.replace for path, entry in found.changes.items()} == paths
        same_place = not any("metadata.n" in path for path in paths)
        assert found.delete_before_replace == (any(paths.values()) and same_place)

    def test_mutable_config_maps_change_in_place_unless_immutable(
        self, connect: Callable[..., KubernetesProvider]
    ) -> None:
        provider = connect(enableConfigMapMutable="true")
        old, new = config_map("n", a="1"), config_map("n", a="2")
        assert not provider.diff(call("ConfigMap"), old, {}, new).changes["data.a"].replace
        old, new = {**old, "immutable": True}, {**new, "immutable": True}
        assert provider.diff(call("ConfigMap"), old, {}, new).changes["data.a"].replace

    def test_an_autonamed_object_is_replaced_by_another(self, provider: KubernetesProvider) -> None:
        named = {"annotations": {"pulumi.com/autonamed": "true"}}
        old, new = config_map("n", a="1"), config_map("n", a="2")
        old["metadata"] |= named
        new["metadata"] |= named
        assert not provider.diff(call("ConfigMap"), old, {}, new).delete_before_replace

    def test_templates_of_jobs_and_selectors_of_deployments(
        self, provider: KubernetesProvider
    ) -> None:
        old, new = deployment("n"), deployment("n", image="web:2")
        path = "spec.template.spec.containers[0].image"
        assert not provider.diff(call("Deployment"), old, {}, new).changes[path].replace
        old, new = ({**inputs, "apiVersion": "batch/v1", "kind": "Job"} for inputs in (old, new))
        assert provider.diff(call("Job"), old, {}, new).changes[path].replace
        new = deployment("n")
        new["spec"]["selector"] = {"matchLabels": {"app": "y"}}
        found = provider.diff(call("Deployment"), deployment("n"), {}, new)
        assert found.changes["spec.selector.matchLabels.app"].replace

    def test_patches_never_replace_what_they_patch(self, provider: KubernetesProvider) -> None:
        old, new = config_map("n", a="1"), config_map("n", a="2")
        assert not provider.diff(call("ConfigMapPatch"), old, {}, new).changes["data.a"].replace

    def test_a_failed_job_is_replaced_where_asked_for(self, provider: KubernetesProvider) -> None:
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}}
        state = {**job, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}
        assert provider.diff(call("Job"), job, state, job).changes == {}
        annotated = {**job, "metadata": {**job["metadata"], "annotations": {
            "pulumi.com/replaceUnready": "true"
        }}}  # fmt: skip
        assert provider.diff(call("Job"), annotated, state, annotated).changes["status"].replace

    def test_a_secret_counts_by_its_value(self, provider: KubernetesProvider) -> None:
        old, new = config_map("n", a=Secret("1")), config_map("n", a="1")
        assert provider.diff(call("ConfigMap"), old, {}, new).changes == {}


class TestPatch:
    ours: ClassVar = {"name": "CODER_OURS", "value": "1"}

    def test_only_our_fields_come_and_go(self, provider: KubernetesProvider, api: Api) -> None:
        about = call("DeploymentPatch", "ours")
        inputs = coder_patch(self.ours, {"name": "CODER_SECOND", "value": "2"})
        preview = provider.create(call("DeploymentPatch", "ours", preview=True), inputs)
        assert "CODER_OURS" in str(preview.state["spec"])
        assert api.coder_variables() == SEEDED

        made = provider.create(about, inputs)
        assert made.id == "coder/coder"
        assert api.coder_variables() == [*SEEDED, "CODER_OURS", "CODER_SECOND"]

        state = provider.update(about, inputs, made.state, coder_patch(self.ours))
        assert api.coder_variables() == [*SEEDED, "CODER_OURS"]

        provider.delete(call("DeploymentPatch", "ours", id=made.id), coder_patch(self.ours), state)
        assert api.coder_variables() == SEEDED
        assert api.coder_managers() == {"helm"}

    def test_a_conflict_names_field_and_manager(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        inputs = coder_patch(
            {"name": "CODER_ACCESS_URL", "value": "https://other.example.com"},
            {"name": "OURS", "value": Secret("https://hunter2.example.com")},
        )
        for preview in (True, False):
            with pytest.raises(ProviderError) as failure:
                provider.create(call("DeploymentPatch", "conflict", preview=preview), inputs)
            text = str(failure.value)
            assert 'conflict with "helm"' in text
            assert 'containers[name="coder"].env[name="CODER_ACCESS_URL"].value' in text
            assert "pulumi.com/patchForce" in text
            assert "hunter2" not in text
        assert api.coder_variables() == SEEDED

    def test_force_takes_a_field(self, provider: KubernetesProvider, api: Api) -> None:
        provider.create(call("ConfigMap"), config_map(api.namespace, a="1"))
        inputs = config_map(api.namespace, a="2")
        about = call("ConfigMapPatch", "forced")
        with pytest.raises(ProviderError, match=r"conflict with .*\.data\.a"):
            provider.create(about, inputs)
        inputs["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
        assert provider.create(about, inputs).state["data"] == {"a": "2"}

    def test_the_manager_is_that_of_the_annotation(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        named = {"pulumi.com/patchFieldManager": "platform-team"}
        about = call("DeploymentPatch", "named")
        made = provider.create(about, coder_patch(self.ours, **named))
        assert api.coder_managers() == {"helm", "platform-team"}
        # Another name later leaves nothing behind under the first.
        renamed = coder_patch(self.ours, **{"pulumi.com/patchFieldManager": "security-team"})
        state = provider.update(about, coder_patch(self.ours, **named), made.state, renamed)
        assert api.coder_managers() == {"helm", "security-team"}
        provider.delete(call("DeploymentPatch", "named", id=made.id), renamed, state)
        assert api.coder_managers() == {"helm"}

    def test_there_must_be_something_to_patch(self, provider: KubernetesProvider, api: Api) -> None:
        for preview in (True, False):
            with pytest.raises(ProviderError, match='configmaps "settings" does not exist'):
                provider.create(
                    call("ConfigMapPatch", preview=preview), config_map(api.namespace, a="1")
                )
        assert api.get("ConfigMap", "settings") is None

    def test_giving_back_does_not_bring_a_deleted_object_back(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        api.make(config_map(api.namespace, theirs="1"))
        inputs = config_map(api.namespace, ours="1")
        made = provider.create(call("ConfigMapPatch"), inputs)
        api.http.delete(api.path("ConfigMap", "settings"))
        provider.delete(call("ConfigMapPatch", id=made.id), inputs, made.state)
        assert api.get("ConfigMap", "settings") is None


class TestRead:
    def test_drift_shows_in_the_inputs(self, provider: KubernetesProvider, api: Api) -> None:
        inputs = config_map(api.namespace, a="1", b="1", c=Secret("1"))
        made = provider.create(call("ConfigMap"), inputs)
        about = call("ConfigMap", id=made.id)
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs == inputs

        change = {"data": {"a": "2", "b": None, "c": "2", "theirs": "x"}}
        api.merge("ConfigMap", "settings", change)
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs is not None
        assert found.inputs["data"] == {"a": "2", "c": Secret("2")}
        assert found.state["data"] == {"a": "2", "c": Secret("2"), "theirs": "x"}
        shown = provider.diff(about, found.inputs, found.state, inputs).changes
        assert {path: change.kind for path, change in shown.items()} == {
            "data.a": "update",
            "data.b": "add",
            "data.c": "update",
        }

    def test_another_form_of_the_same_value_is_no_drift(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        inputs = deployment(
            api.namespace,
            resources={"limits": {"cpu": "2000m", "memory": "1024Mi"}},
            env=[{"name": "B", "value": "1"}, {"name": "A", "value": "2"}],
        )
        inputs["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
        made = provider.create(call("Deployment"), inputs)
        assert plain(made.state)["spec"]["template"]["spec"]["containers"][0]["resources"][
            "limits"
        ] == {"cpu": "2", "memory": "1Gi"}
        about = call("Deployment", id=made.id)
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs == inputs

        api.merge("Deployment", "web", {"spec": {"replicas": 3, "paused": True}})
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs == inputs, "a field we do not own is nobody's drift"
        assert found.state["spec"]["replicas"] == 3

    def test_drift_of_a_patch(self, provider: KubernetesProvider, api: Api) -> None:
        about = call("DeploymentPatch", "drift", id="coder/coder")
        inputs = coder_patch({"name": "CODER_OURS", "value": "1"})
        made = provider.create(about, inputs)
        try:
            coder = api.coder()
            env = coder["spec"]["template"]["spec"]["containers"][0]["env"]
            kept = [entry for entry in env if entry["name"] != "CODER_OURS"]
            for changed, expected in (
                (
                    [*kept, {"name": "CODER_OURS", "value": "2"}],
                    [{"name": "CODER_OURS", "value": "2"}],
                ),
                (kept, []),
            ):
                change = [
                    {
                        "op": "replace",
                        "path": "/spec/template/spec/containers/0/env",
                        "value": changed,
                    }
                ]
                api.http.patch(
                    "/apis/apps/v1/namespaces/coder/deployments/coder",
                    json=change,
                    headers={"Content-Type": "application/json-patch+json"},
                ).raise_for_status()
                found = provider.read(about, inputs, made.state)
                assert found is not None
                assert found.inputs is not None
                container = found.inputs["spec"]["template"]["spec"]["containers"][0]
                assert container == {"name": "coder", "env": expected}
            provider.update(about, inputs, made.state, inputs)
            assert api.coder_variables() == [*SEEDED, "CODER_OURS"]
        finally:
            provider.delete(about, inputs, made.state)
        assert api.coder_variables() == SEEDED

    def test_gone_is_none(self, provider: KubernetesProvider, api: Api) -> None:
        inputs = config_map(api.namespace, a="1")
        made = provider.create(call("ConfigMap"), inputs)
        api.http.delete(api.path("ConfigMap", "settings"))
        assert provider.read(call("ConfigMap", id=made.id), inputs, made.state) is None

    def test_import(self, provider: KubernetesProvider, api: Api) -> None:
        api.make(config_map(api.namespace, a="1"))
        found = provider.read(call("ConfigMap", id=f"{api.namespace}/settings"), {}, {})
        assert found is not None
        assert found.inputs == config_map(api.namespace, a="1")
        assert found.state["metadata"]["uid"]
        assert provider.read(call("ConfigMap", id=f"{api.namespace}/none"), {}, {}) is None


class TestSecret:
    def test_values_are_secret_and_drift_is_seen(
        self, provider: KubernetesProvider, api: Api
    ) -> None:
        new = {
            "metadata": {"name": "s", "namespace": api.namespace},
            "stringData": {"k": "hunter2"},
        }
        inputs = provider.check(call("Secret"), {}, new).inputs
        made = provider.create(call("Secret"), inputs)
        assert made.state["data"] == Secret({"k": "aHVudGVyMg=="})
        assert made.state["stringData"] == Secret({"k": "hunter2"})
        about = call("Secret", id=made.id)
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs == inputs
        api.merge("Secret", "s", {"data": {"k": "b3RoZXI="}})
        found = provider.read(about, inputs, made.state)
        assert found is not None
        assert found.inputs is not None
        assert found.inputs["stringData"] == Secret({"k": "other"})

    def test_errors_do_not_quote_it(self, provider: KubernetesProvider, namespace: str) -> None:
        inputs = config_map(namespace, name=Secret("Hunter2 Of Ours"), a="1")  # type: ignore[arg-type]
        with pytest.raises(ProviderError) as failure:
            provider.create(call("ConfigMap", preview=True), inputs)
        assert "[secret]" in str(failure.value)
        assert "Hunter2" not in str(failure.value)


class TestUnreachable:
    def test_the_error_names_the_host(
        self, connect: Callable[..., KubernetesProvider], nowhere: str
    ) -> None:
        provider = connect(kubeconfig=nowhere)
        inputs = config_map("n", a="1")
        about = call("ConfigMap", id="n/settings")
        for attempt in (
            lambda: provider.check(about, {}, inputs),
            lambda: provider.create(about, inputs),
            lambda: provider.update(about, inputs, inputs, inputs),
            lambda: provider.read(about, inputs, inputs),
            lambda: provider.delete(about, inputs, inputs),
        ):
            with pytest.raises(ProviderError) as failure:
                attempt()
            assert "https://127.0.0.1:1 is unreachable" in str(failure.value)
            assert "t0ken" not in str(failure.value)

    def test_delete_unreachable(
        self, connect: Callable[..., KubernetesProvider], nowhere: str
    ) -> None:
        provider = connect(kubeconfig=nowhere, deleteUnreachable="true")
        inputs = config_map("n", a="1")
        about = call("ConfigMap", id="n/settings")
        provider.delete(about, inputs, inputs)
        assert provider.read(about, inputs, inputs) is None

    def test_skip_update_unreachable(
        self, connect: Callable[..., KubernetesProvider], nowhere: str
    ) -> None:
        provider = connect(kubeconfig=nowhere, skipUpdateUnreachable="true")
        old, new = config_map("n", a="1"), config_map("n", a="2")
        about = call("ConfigMap", id="n/settings")
        assert provider.check(about, old, new).inputs == old
        assert provider.diff(about, old, old, new).changes == {}
        assert provider.update(about, old, old, new) == old
        found = provider.read(about, old, old)
        assert found is not None
        assert found.state == old


class TestWaiting:
    def test_a_rollout_that_does_not_come(self, provider: KubernetesProvider, api: Api) -> None:
        with pytest.raises(InitFailed) as failure:
            provider.create(call("Deployment", timeout=0.3), deployment(api.namespace))
        assert failure.value.id == f"{api.namespace}/web"
        assert failure.value.state["metadata"]["uid"]
        assert "Timed out after 0.3 s" in failure.value.reasons
        assert "No controller has acted on the object yet" in failure.value.reasons

    def test_a_rollout_that_comes(self, provider: KubernetesProvider, api: Api) -> None:
        def roll_out() -> None:
            status = {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "readyReplicas": 1,
                "availableReplicas": 1,
                "conditions": [{"type": "Available", "status": "True"}],
            }
            while api.get("Deployment", "web") is None:
                time.sleep(0.02)
            api.http.patch(
                api.path("Deployment", "web") + "/status",
                json={"status": status},
                headers={"Content-Type": "application/merge-patch+json"},
            ).raise_for_status()

        controller = threading.Thread(target=roll_out)
        controller.start()
        made = provider.create(call("Deployment", timeout=10), deployment(api.namespace))
        controller.join()
        assert made.state["status"]["availableReplicas"] == 1

    def test_an_interruption_ends_the_wait(
        self, provider: KubernetesProvider, namespace: str
    ) -> None:
        threading.Timer(0.2, provider.cancel).start()
        with pytest.raises(InitFailed, match="interrupted"):
            provider.create(call("Deployment"), deployment(namespace))

    def test_nothing_is_waited_for_where_nothing_will_run(
        self, provider: KubernetesProvider, namespace: str
    ) -> None:
        inputs = deployment(namespace)
        inputs["spec"]["replicas"] = 0
        assert provider.create(call("Deployment"), inputs).id == f"{namespace}/web"

    def test_deletion_is_waited_for(self, provider: KubernetesProvider, api: Api) -> None:
        inputs = config_map(api.namespace, a="1")
        inputs["metadata"]["finalizers"] = ["example.com/keep"]
        made = provider.create(call("ConfigMap"), inputs)
        about = call("ConfigMap", id=made.id, timeout=0.3)
        with pytest.raises(ProviderError, match=r"still there.*example\.com/keep"):
            provider.delete(about, inputs, made.state)
        api.merge("ConfigMap", "settings", {"metadata": {"finalizers": None}})
        provider.delete(about, inputs, made.state)
        assert api.get("ConfigMap", "settings") is None


class TestOptions:
    @pytest.mark.parametrize(
        ("option", "value", "reason"),
        [
            ("renderYamlToDirectory", "out", "is not supported"),
            ("kubeClientSettings", "{}", "is not supported"),
            ("enableServerSideApply", "false", "cannot be false"),
            ("deleteUnreachable", "perhaps", "must be true or false"),
        ],
    )
    def test_wrong_options(
        self, provider: KubernetesProvider, option: str, value: str, reason: str
    ) -> None:
        failures = provider.check_config({}, {option: value}).failures
        assert [(path, reason in text) for path, text in failures] == [(option, True)]

    @pytest.mark.parametrize("value", ["true", True, UNKNOWN])
    def test_right_options(self, provider: KubernetesProvider, value: Any) -> None:
        options = {"kubeconfig": "/x", "enableServerSideApply": value, "namespace": "n"}
        assert provider.check_config({}, options).failures == ()

    def test_another_server_replaces_everything(
        self, provider: KubernetesProvider, cluster: Cluster, nowhere: str
    ) -> None:
        path = {"kubeconfig": str(cluster.kubeconfig)}
        contents = {"kubeconfig": cluster.kubeconfig.read_text()}
        assert not provider.diff_config(path, contents).changes["kubeconfig"].replace
        moved = provider.diff_config(path, {"kubeconfig": nowhere})
        assert moved.changes["kubeconfig"].replace
        assert provider.diff_config(path, path).changes == {}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"kubeconfig": "/no/such/file"}, "cannot read the kubeconfig /no/such/file"),
            ({"kubeconfig": "a: [\n"}, "is not YAML"),
            ({"kubeconfig": "a: b\n"}, "holds no clusters"),
            ({"context": "prod"}, "no context 'prod': there is firewalled-coder-local"),
        ],
    )
    def test_wrong_kubeconfigs(
        self,
        connect: Callable[..., KubernetesProvider],
        options: dict[str, Any],
        message: str,
    ) -> None:
        with pytest.raises(ProviderError, match=message):
            connect(**options).check(call("ConfigMap"), {}, config_map("n"))

    def test_credentials_by_a_program_are_refused(
        self, connect: Callable[..., KubernetesProvider], nowhere: str
    ) -> None:
        by_program = nowhere.replace("token: t0ken-of-nobody", "exec: {command: aws}")
        with pytest.raises(ProviderError, match="gets credentials by exec"):
            connect(kubeconfig=by_program).check(call("ConfigMap"), {}, config_map("n"))

    def test_contents_with_everything_inline(
        self, connect: Callable[..., KubernetesProvider], cluster: Cluster
    ) -> None:
        import base64

        import yaml

        config = yaml.safe_load(cluster.kubeconfig.read_text())
        where = config["clusters"][0]["cluster"]
        authority = Path(where.pop("certificate-authority")).read_bytes()
        where["certificate-authority-data"] = base64.b64encode(authority).decode()
        config["contexts"][0]["context"]["namespace"] = "monitoring"
        checked = connect(kubeconfig=yaml.safe_dump(config)).check(
            call("ConfigMap"), {}, {"metadata": {"name": "x"}}
        )
        assert checked.inputs["metadata"]["namespace"] == "monitoring"
