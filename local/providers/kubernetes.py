"""The package `kubernetes`: any kind the API server knows, by server-side apply.

What is kept of pulumi-kubernetes 4.34: names, ids, annotations, which changes replace an object,
Patch resources that give their fields back, refusal of an object that exists, waiting. Three
differences, each because of where it runs:

- the field manager's suffix is a digest of the resource's URN instead of a random number, so an
  update that was killed after an object was made, and before the engine wrote its state, is
  picked up by the next one;
- objects are deleted in the background, since nothing would end a foreground deletion in a
  cluster without a garbage collector;
- drift is what differs from a dry run of the inputs, so a value the server writes in another
  form is not reported.
"""

import base64
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Final

from local.providers import kube_await
from local.providers.base import (
    Call,
    Change,
    Checked,
    Difference,
    InitFailed,
    Provider,
    ProviderError,
    Resource,
    compare,
)
from local.providers.kube_client import (
    ApiError,
    Client,
    KubeconfigError,
    Object,
    ResourceType,
    Unreachable,
    load_kubeconfig,
    server_of,
    target,
)
from local.providers.kube_diff import changes, drift, replacing_fields
from local.providers.wire import (
    UNKNOWN,
    Properties,
    Secret,
    has_secret,
    has_unknown,
    hide_like,
    plain,
    secret,
)

_AUTONAMED: Final = "pulumi.com/autonamed"
_SKIP_AWAIT: Final = "pulumi.com/skipAwait"
_PATCH_FORCE: Final = "pulumi.com/patchForce"
_PATCH_MANAGER: Final = "pulumi.com/patchFieldManager"
_REPLACE_UNREADY: Final = "pulumi.com/replaceUnready"
_TIMEOUT: Final = "pulumi.com/timeoutSeconds"
_PROPAGATION: Final = "pulumi.com/deletionPropagationPolicy"
_UNSERVED_ANNOTATIONS: Final = ("pulumi.com/waitFor",)
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_FLAGS: Final = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "suppressHelmHookWarnings": "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
}
_TEXTS: Final = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier")
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
_SCRUB_LEAST: Final = 4


class KubernetesProvider(Provider):
    """Serves the resources of pulumi-kubernetes against one API server."""

    name: ClassVar[str] = "kubernetes"
    version: ClassVar[str] = "4.34.2"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._config: Properties = {}
        self._client: Client | None = None
        self._namespace: str | None = None
        self._lock = threading.Lock()
        self._interrupted = threading.Event()

    # The provider itself

    def check_config(self, old: Properties, new: Properties) -> Checked:
        """Refuse options that would silently do nothing here."""
        failures = []
        for name, value in new.items():
            if name in _TEXTS or name in ("version", "__internal", "pluginDownloadURL"):
                continue
            if name not in _FLAGS:
                failures.append((name, "is not supported by the local kubernetes provider"))
            elif plain(value) not in (True, False, "true", "false", UNKNOWN):
                failures.append((name, "must be true or false"))
        if not failures and not has_unknown(new) and not _flag(new, "enableServerSideApply", True):
            failures.append(
                ("enableServerSideApply", "cannot be false: the local provider only applies so")
            )
        return Checked(new, tuple(failures))

    def diff_config(self, old: Properties, new: Properties) -> Difference:
        """Another API server needs all resources anew; everything else does not."""
        found = compare(old, new)
        before, after = _server(old), _server(new)
        if before and after and before != after:
            key = "kubeconfig" if "kubeconfig" in found else next(iter(found), "kubeconfig")
            found[key] = Change("update", replace=True)
        return Difference(found)

    def configure(self, config: Properties) -> None:
        """Take the options; the server is not asked before the first resource."""
        with self._lock:
            self._config = config
            self._client = None

    def cancel(self) -> None:
        """End all waiting."""
        self._interrupted.set()

    def close(self) -> None:
        """Close the connections to the API server."""
        if self._client is not None:
            self._client.close()

    # Its resources

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Give the object a name and a namespace, and hide what is in a Secret."""
        api_version, kind, patch = _identify(call, new)
        metadata = dict(_mapping(new.get("metadata")))
        failures: list[tuple[str, str]] = []
        annotations = _annotations(new)
        failures += [
            (f'metadata.annotations["{name}"]', "is not supported by the local provider")
            for name in _UNSERVED_ANNOTATIONS
            if name in annotations
        ]
        if metadata.get("generateName") and not metadata.get("name"):
            failures.append(
                ("metadata.generateName", "is not supported by the local provider: give a name")
            )
        if not metadata.get("name"):
            if patch:
                failures.append(
                    ("metadata.name", "Patch resources require `.metadata.name` to be set")
                )
            else:
                failures += _autoname(call, metadata, _mapping(old.get("metadata")))
        inputs: Properties = {
            **{name: value for name, value in new.items() if not name.startswith("__")},
            "apiVersion": api_version,
            "kind": kind,
            "metadata": metadata,
        }
        if failures:
            return Checked(inputs, tuple(failures))
        try:
            found = self._api().find_type(api_version, kind)
        except Unreachable as error:
            if old and self._flag("skipUpdateUnreachable"):
                return Checked(old)
            raise _unreachable(error) from None
        if found is not None and found.namespaced and not plain(metadata.get("namespace")):
            metadata["namespace"] = self._default_namespace()
        if kind == "Secret" and api_version == "v1":
            for name in ("data", "stringData"):
                if name in inputs:
                    inputs[name] = secret(inputs[name])
        return Checked(inputs)

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare inputs; after a refresh the old ones carry what drifted."""
        if self._flag("skipUpdateUnreachable") and not self._reachable():
            return Difference()
        api_version, kind, patch = _identify(call, new)
        mutable = (kind == "ConfigMap" and self._flag("enableConfigMapMutable")) or (
            kind == "Secret" and self._flag("enableSecretMutable")
        )
        mutable = mutable and not plain(old_inputs.get("immutable"))
        replacing = (
            ("metadata.name", "metadata.namespace")
            if patch
            else replacing_fields(api_version, kind, mutable=mutable)
        )
        found = changes(old_inputs, new, replacing)
        if (
            not patch
            and _annotations(new).get(_REPLACE_UNREADY) == "true"
            and kube_await.failed_job(plain(state))
        ):
            found["status"] = Change("update", replace=True)
        before, after = _mapping(old_inputs.get("metadata")), _mapping(new.get("metadata"))
        same_place = all(
            plain(before.get(key)) == plain(after.get(key)) for key in ("name", "namespace")
        )
        return Difference(
            found,
            delete_before_replace=any(change.replace for change in found.values())
            and same_place
            and (patch or _AUTONAMED not in _annotations(new)),
        )

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the object, or take the fields of one that is there for a Patch resource."""
        _, _, patch = _identify(call, new)
        manager = _manager(call, {}, new)
        if call.preview and has_unknown(new):
            return Resource("", self._planned(new, manager))
        kind = self._kind(new, call)
        if kind is None:
            return Resource("", self._planned(new, manager))
        manifest = _manifest(new)
        namespace, name = manifest["metadata"].get("namespace"), manifest["metadata"]["name"]
        try:
            if call.preview and not patch:
                fresh = self._planned_fresh(call, kind, manifest, new, manager)
                if fresh is not None:
                    planned = self._state(_without_identity(fresh), new, manager)
                    return Resource(_id(namespace, name), planned)
            existing = self._api().get(kind, namespace, name)
            if patch:
                if existing is None:
                    raise _no_target(kind, namespace, name)
                manifest["metadata"]["uid"] = existing["metadata"]["uid"]
            elif existing is not None and not self._may_take(existing, manager):
                raise ProviderError(
                    f"resource {_id(namespace, name)} was not successfully created by the "
                    f'Kubernetes API server: {kind.plural} "{name}" already exists: import it, '
                    "or use a Patch resource to own only some of its fields"
                )
            made = self._apply(call, kind, manifest, new, manager)
        except ApiError as error:
            if call.preview and _namespace_missing(error, namespace):
                return Resource("", self._planned(new, manager))
            raise _refused(error, kind, manifest, new, manager) from None
        except Unreachable as error:
            raise _unreachable(error) from None
        if call.preview:
            planned = made if patch else _without_identity(made)
            return Resource(_id(namespace, name), self._state(planned, new, manager))
        live = self._await(call, kind, made, new, manager)
        return Resource(_id(namespace, name), self._state(live, new, manager))

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """The object as it is; its inputs are those applied last, with what drifted."""
        known = inputs or state
        api_version, kind_name, patch = _identify(call, known)
        namespace, _, name = call.id.rpartition("/")
        manager = _manager(call, state, known)
        try:
            kind = self._api().find_type(api_version, kind_name)
            if kind is None:
                if not known:
                    raise ProviderError(f"the API server knows no {api_version} {kind_name}")
                return None
            place = namespace or (self._default_namespace() if kind.namespaced else None)
            live = self._api().get(kind, place, name)
        except Unreachable as error:
            if self._flag("deleteUnreachable"):
                return None
            if self._flag("skipUpdateUnreachable"):
                return Resource(call.id, state, inputs)
            raise _unreachable(error) from None
        except ApiError as error:
            raise ProviderError(str(error)) from None
        if live is None:
            return None
        if not inputs:
            imported = _importable(live)
            if kind_name == "Secret" and "data" in imported:
                imported["data"] = secret(imported["data"])
            return Resource(_id(place, name), self._state(live, imported, manager), imported)
        drifted = self._drifted(kind, live, inputs, manager, patch=patch)
        return Resource(call.id, self._state(live, inputs, manager), drifted)

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Apply the new inputs; fields no longer among them go back to whoever else owns them."""
        _, _, patch = _identify(call, new)
        manager = _manager(call, state, new)
        if call.preview and has_unknown(new):
            return {**state, **self._planned(new, manager)}
        if self._flag("skipUpdateUnreachable") and not self._reachable():
            return state
        kind = self._kind(new, call)
        if kind is None:
            return {**state, **self._planned(new, manager)}
        manifest = _manifest(new)
        namespace, name = manifest["metadata"].get("namespace"), manifest["metadata"]["name"]
        try:
            live = self._api().get(kind, namespace, name)
            if live is None:
                if patch:
                    raise _no_target(kind, namespace, name)
                raise ProviderError(
                    f'{kind.plural} "{name}" is gone: run pulumi refresh to make it anew'
                )
            manifest["metadata"]["uid"] = live["metadata"]["uid"]
            previous = plain(state.get("__fieldManager")) or manager
            made = self._apply(call, kind, manifest, new, manager, heir_of=previous)
            if previous != manager and not call.preview:
                self._relinquish(kind, made, previous)
        except ApiError as error:
            raise _refused(error, kind, manifest, new, manager) from None
        except Unreachable as error:
            raise _unreachable(error) from None
        if call.preview:
            return self._state(_without_version(made), new, manager)
        live = self._await(call, kind, made, new, manager)
        return self._state(live, new, manager)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Delete the object and wait until it is gone; a Patch resource gives its fields back."""
        known = old_inputs or state
        api_version, kind_name, patch = _identify(call, known)
        namespace, _, name = call.id.rpartition("/")
        manager = _manager(call, state, known)
        try:
            kind = self._api().find_type(api_version, kind_name)
            if kind is None:
                return
            place = namespace or None
            live = self._api().get(kind, place, name)
            if live is None:
                return
            if patch:
                self._relinquish(kind, live, manager)
                return
            annotations = _annotations(known)
            try:
                self._api().delete(kind, place, name, propagation=_propagation(annotations))
            except ApiError as error:
                if error.status != HTTPStatus.FORBIDDEN:
                    raise
                # An object nobody may delete, such as a built-in namespace.
                self._relinquish(kind, live, manager)
                return
            if annotations.get(_SKIP_AWAIT) != "true":
                self._await_gone(call, kind, place, name, annotations)
        except Unreachable as error:
            if not self._flag("deleteUnreachable"):
                raise _unreachable(error, deleting=True) from None
        except ApiError as error:
            raise ProviderError(f"{_id(namespace, name)} cannot be deleted: {error}") from None

    # How it is done

    def _api(self) -> Client:
        with self._lock:
            if self._client is None:
                try:
                    config = load_kubeconfig(_text(self._config, "kubeconfig"))
                    where = target(
                        config, _text(self._config, "context"), _text(self._config, "cluster")
                    )
                except KubeconfigError as error:
                    raise ProviderError(str(error)) from None
                self._client = Client(where)
                self._namespace = where.namespace
            return self._client

    def _reachable(self) -> bool:
        try:
            self._api().find_type("v1", "Namespace")
        except (Unreachable, ApiError):
            return False
        return True

    def _flag(self, name: str) -> bool:
        return _flag(self._config, name, False)

    def _default_namespace(self) -> str:
        return _text(self._config, "namespace") or self._namespace or "default"

    def _kind(self, inputs: Properties, call: Call) -> ResourceType | None:
        """The resource type; None in a preview if the update may still define it."""
        api_version, kind = str(plain(inputs["apiVersion"])), str(plain(inputs["kind"]))
        try:
            for seconds in (*_RETRY_SECONDS, 0.0):
                found = self._api().find_type(api_version, kind)
                if found is not None:
                    return found
                if call.preview and "." in api_version:
                    return None
                self._api().forget_types()
                if call.preview or "." not in api_version or self._interrupted.wait(seconds):
                    break
        except Unreachable as error:
            raise _unreachable(error) from None
        except ApiError as error:
            raise ProviderError(str(error)) from None
        raise ProviderError(
            f"the API server {self._api().server} knows no {api_version} {kind}: is its "
            "definition (CustomResourceDefinition) installed, and the version right?"
        )

    def _may_take(self, existing: Object, manager: str) -> bool:
        """Whether an object that exists may become the resource's.

        With upsertExistingObjects any may. Without, only one our own manager made: it is named
        after the resource's URN, so an earlier update made the object and was killed before the
        engine could write that down.
        """
        if self._flag("upsertExistingObjects"):
            return True
        return any(
            entry.get("manager") == manager
            for entry in existing["metadata"].get("managedFields") or []
        )

    def _planned_fresh(
        self,
        call: Call,
        kind: ResourceType,
        manifest: Object,
        inputs: Properties,
        manager: str,
    ) -> Object | None:
        """What a dry run makes of an object nobody else has a field of; None if somebody has.

        Saves asking for the object first: most that are to be made are not there.
        """
        try:
            made = self._apply(call, kind, manifest, inputs, manager)
        except ApiError:
            return None  # the longer way says why
        managers = {entry.get("manager") for entry in made["metadata"].get("managedFields") or []}
        return made if managers == {manager} else None

    def _apply(
        self,
        call: Call,
        kind: ResourceType,
        manifest: Object,
        inputs: Properties,
        manager: str,
        *,
        heir_of: str = "",
    ) -> Object:
        """Apply the manifest; fields of the manager `heir_of` are taken without asking."""
        force = _annotations(inputs).get(_PATCH_FORCE) == "true" or self._flag("enablePatchForce")
        waits = list(_RETRY_SECONDS)
        while True:
            try:
                return self._api().apply(
                    kind,
                    manifest,
                    manager=manager,
                    force=force,
                    dry_run=call.preview,
                    warn=lambda text: self.warn(call.urn, _scrub(text, inputs)),
                )
            except ApiError as error:
                if error.conflicts and error.only_with(heir_of) and not force:
                    force = True
                    continue
                # The namespace may be on its way: nothing says which of two comes first.
                missing = _namespace_missing(error, manifest["metadata"].get("namespace"))
                if call.preview or not missing or not waits:
                    raise
                if self._interrupted.wait(waits.pop(0)):
                    raise

    def _await(
        self,
        call: Call,
        kind: ResourceType,
        made: Object,
        inputs: Properties,
        manager: str,
    ) -> Object:
        annotations = _annotations(inputs)
        if annotations.get(_SKIP_AWAIT) == "true" or not kube_await.unready(made):
            return made
        metadata = made["metadata"]
        latest = made

        def probe() -> list[str]:
            nonlocal latest
            found = self._api().get(kind, metadata.get("namespace"), metadata["name"])
            if found is None:
                return ["The object was deleted by somebody else"]
            latest = found
            return kube_await.unready(found)

        try:
            reasons = kube_await.poll(
                probe, seconds=_seconds(call, annotations), interrupted=self._interrupted
            )
        except (Unreachable, ApiError) as error:
            reasons = [str(error)]
        if reasons:
            id = _id(metadata.get("namespace"), metadata["name"])
            reasons.insert(0, f"{kind.kind} {id} was made, but did not become ready in time")
            raise InitFailed(id, self._state(latest, inputs, manager), inputs, reasons)
        return latest

    def _await_gone(
        self,
        call: Call,
        kind: ResourceType,
        namespace: str | None,
        name: str,
        annotations: Mapping[str, Any],
    ) -> None:
        def probe() -> list[str]:
            found = self._api().get(kind, namespace, name)
            if found is None:
                return []
            finalizers = [
                *(found["metadata"].get("finalizers") or []),
                *((found.get("spec") or {}).get("finalizers") or []),
            ]
            return [f"its finalizers are {', '.join(finalizers) or 'none'}"]

        reasons = kube_await.poll(
            probe, seconds=_seconds(call, annotations), interrupted=self._interrupted
        )
        if reasons:
            raise ProviderError(
                f"{kind.kind} {_id(namespace, name)} is marked for deletion, but still there: "
                + "; ".join(reasons)
            )

    def _relinquish(self, kind: ResourceType, live: Object, manager: str) -> None:
        """Give all fields of a manager back: apply none under its name."""
        metadata = live["metadata"]
        empty: Object = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            # With the uid an object that is gone by now is not made anew.
            "metadata": {"name": metadata["name"], "uid": metadata["uid"]},
        }
        if metadata.get("namespace"):
            empty["metadata"]["namespace"] = metadata["namespace"]
        try:
            self._api().apply(kind, empty, manager=manager, force=True, dry_run=False)
        except ApiError as error:
            gone = error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
            if not gone or self._api().get(kind, metadata.get("namespace"), metadata["name"]):
                raise

    def _drifted(
        self,
        kind: ResourceType,
        live: Object,
        inputs: Properties,
        manager: str,
        *,
        patch: bool,
    ) -> Properties:
        if has_unknown(inputs):
            return inputs
        manifest = _manifest(inputs)
        manifest["metadata"]["uid"] = live["metadata"]["uid"]
        try:
            wanted = self._api().apply(kind, manifest, manager=manager, force=True, dry_run=True)
        except (ApiError, Unreachable):
            # An immutable field was changed behind our back; compare with what was sent.
            wanted = manifest
        given = dict(inputs)
        text = given.pop("stringData", None)
        found: Properties = drift(given, wanted, live)
        if text is not None:
            found["stringData"] = _string_data(text, live)
        # What cannot drift keeps its form.
        for name in ("apiVersion", "kind"):
            found[name] = inputs[name]
        return found

    def _state(self, live: Object, inputs: Properties, manager: str) -> Properties:
        outputs = dict(live)
        metadata = dict(outputs.get("metadata") or {})
        metadata.pop("managedFields", None)
        outputs["metadata"] = metadata
        state = hide_like(outputs, inputs)
        if outputs.get("kind") == "Secret":
            for name in ("data", "stringData"):
                if name in inputs or name in state:
                    state[name] = secret(plain(state.get(name, inputs.get(name))))
            _hide_last_applied(state)
        state["__fieldManager"] = manager
        state["__initialApiVersion"] = plain(inputs["apiVersion"])
        return state

    @staticmethod
    def _planned(inputs: Properties, manager: str) -> Properties:
        """Outputs of an object that cannot be tried out yet: its inputs, the rest unknown."""
        metadata = dict(_mapping(inputs.get("metadata")))
        for name in ("uid", "resourceVersion", "creationTimestamp", "generation"):
            metadata.setdefault(name, UNKNOWN)
        return {
            **inputs,
            "metadata": metadata,
            "status": UNKNOWN,
            "__fieldManager": manager,
            "__initialApiVersion": plain(inputs["apiVersion"]),
        }


def _identify(call: Call, known: Properties) -> tuple[str, str, bool]:
    """API version, kind, and whether it is a Patch resource.

    A token is kubernetes:GROUP/VERSION:KIND, with `core` for the group without a name, and KIND
    ends with Patch for a Patch resource of the kind before it.
    """
    _, _, rest = call.type.partition(":")
    module, _, token_kind = rest.partition(":")
    if module.startswith(("helm.sh", "yaml", "kustomize")):
        raise ProviderError(f"the local kubernetes provider does not serve {call.type}")
    api_version = plain(known.get("apiVersion"))
    if not isinstance(api_version, str):
        api_version = module.removeprefix("core/")
    kind = plain(known.get("kind"))
    if not isinstance(kind, str):
        kind = token_kind
        if call.type.startswith("kubernetes:") and kind.endswith("Patch") and not known:
            kind = kind.removesuffix("Patch")
    return api_version, kind, token_kind == f"{kind}Patch"


def _mapping(value: Any) -> Mapping[str, Any]:
    bare = value.value if isinstance(value, Secret) else value
    return bare if isinstance(bare, Mapping) else {}


def _annotations(inputs: Properties) -> Mapping[str, Any]:
    return _mapping(plain(_mapping(inputs.get("metadata")).get("annotations")))


def _autoname(
    call: Call, metadata: dict[str, Any], old: Mapping[str, Any]
) -> list[tuple[str, str]]:
    annotations = dict(_mapping(metadata.get("annotations")))
    before = plain(old.get("name"))
    if _AUTONAMED in _mapping(plain(old.get("annotations"))) and isinstance(before, str):
        metadata["name"] = before
    elif call.autoname is not None and call.autoname.disabled:
        return [("metadata.name", "automatic naming is disabled: give the object a name")]
    elif call.autoname is not None and call.autoname.proposed:
        metadata["name"] = call.autoname.proposed
    else:
        seed = call.seed or secrets.token_bytes(16)
        suffix = hashlib.sha256(seed + call.urn.encode()).hexdigest()[:8]
        metadata["name"] = f"{call.name}-{suffix}"
    annotations[_AUTONAMED] = "true"
    metadata["annotations"] = annotations
    return []


def _manager(call: Call, state: Properties, inputs: Properties) -> str:
    """The field manager: named by the annotation, else as in the state, else after the URN."""
    named = _annotations(inputs).get(_PATCH_MANAGER)
    if isinstance(named, str) and named:
        return named
    kept = plain(state.get("__fieldManager"))
    if isinstance(kept, str) and kept.startswith("pulumi-kubernetes-"):
        return kept
    return f"pulumi-kubernetes-{hashlib.sha256(call.urn.encode()).hexdigest()[:8]}"


def _manifest(inputs: Properties) -> Object:
    manifest: Object = plain(inputs)
    return manifest


def _id(namespace: Any, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _flag(config: Properties, name: str, default: bool) -> bool:
    value = plain(config.get(name))
    if value is None:
        value = os.environ.get(_FLAGS[name], default)
    return value is True or value == "true"


def _text(config: Properties, name: str) -> str | None:
    value = plain(config.get(name))
    return value if isinstance(value, str) and value else None


def _server(config: Properties) -> str | None:
    try:
        return server_of(
            load_kubeconfig(_text(config, "kubeconfig")),
            _text(config, "context"),
            _text(config, "cluster"),
        )
    except KubeconfigError:
        return None


def _seconds(call: Call, annotations: Mapping[str, Any]) -> float:
    if call.timeout:
        return call.timeout
    try:
        return float(annotations.get(_TIMEOUT, kube_await.DEFAULT_SECONDS))
    except ValueError:
        raise ProviderError(f"the annotation {_TIMEOUT} must be a number of seconds") from None


def _propagation(annotations: Mapping[str, Any]) -> str:
    value = str(annotations.get(_PROPAGATION, "background")).capitalize()
    if value not in ("Background", "Foreground", "Orphan"):
        raise ProviderError(
            f"the annotation {_PROPAGATION} must be background, foreground or orphan"
        )
    return value


def _without_identity(made: Object) -> Object:
    """A dry run's object without what the real one will get otherwise."""
    planned = dict(made)
    planned["metadata"] = {
        **made["metadata"],
        **dict.fromkeys(("uid", "resourceVersion", "creationTimestamp"), UNKNOWN),
    }
    if "status" in planned:
        planned["status"] = UNKNOWN
    return planned


def _without_version(made: Object) -> Object:
    return {**made, "metadata": {**made["metadata"], "resourceVersion": UNKNOWN}}


def _importable(live: Object) -> Properties:
    """The part of an object a program could have given."""
    metadata = {
        name: value
        for name, value in live["metadata"].items()
        if name in ("name", "namespace", "labels", "annotations", "finalizers")
    }
    rest = {name: live[name] for name in live if name not in ("metadata", "status")}
    return {**rest, "metadata": metadata}


def _string_data(given: Any, live: Object) -> Any:
    """What stringData would have to be to make the data that are there."""
    data = live.get("data") or {}
    found = {}
    for name, text in _mapping(given).items():
        try:
            found[name] = base64.b64decode(data[name]).decode()
        except KeyError:
            continue
        except ValueError:
            found[name] = text
    return secret(found)


def _hide_last_applied(state: Properties) -> None:
    metadata = state.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
        annotations = metadata["annotations"]
        if _LAST_APPLIED in annotations:
            annotations[_LAST_APPLIED] = secret(annotations[_LAST_APPLIED])


def _secret_texts(value: Any, hidden: bool = False) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, hidden=True)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secret_texts(item, hidden)
    elif isinstance(value, list):
        for item in value:
            yield from _secret_texts(item, hidden)
    elif hidden and isinstance(value, str) and len(value) >= _SCRUB_LEAST:
        yield value
        yield base64.b64encode(value.encode()).decode()
        yield json.dumps(value)[1:-1]


def _scrub(message: str, inputs: Properties) -> str:
    """The message without the secrets in the inputs, which the API server quotes at times."""
    if has_secret(inputs):
        for text in sorted(set(_secret_texts(inputs)), key=len, reverse=True):
            message = message.replace(text, "[secret]")
    return message


def _namespace_missing(error: ApiError, namespace: Any) -> bool:
    return error.status == HTTPStatus.NOT_FOUND and f'namespaces "{namespace}" not found' in str(
        error
    )


def _no_target(kind: ResourceType, namespace: Any, name: str) -> ProviderError:
    place = f" in the namespace {namespace}" if namespace else ""
    return ProviderError(
        f'{kind.plural} "{name}" does not exist{place}: a Patch resource changes an object that '
        "is already there"
    )


def _refused(
    error: ApiError, kind: ResourceType, manifest: Object, inputs: Properties, manager: str
) -> ProviderError:
    metadata = manifest["metadata"]
    what = f"{kind.kind} {_id(metadata.get('namespace'), metadata['name'])}"
    text = f"the Kubernetes API server refused {what}: {error.message}"
    if error.conflicts:
        text = (
            f"Server-Side Apply field conflict: the field manager {manager} cannot take fields of "
            f"{what} that others own. {error.message}\n"
            "Leave the fields to their owner, or take them with the annotation "
            f'{_PATCH_FORCE}: "true".'
        )
    return ProviderError(_scrub(text, inputs))


def _unreachable(error: Unreachable, *, deleting: bool = False) -> ProviderError:
    hint = (
        " If the cluster is gone for good, the option deleteUnreachable removes its objects from "
        "the state."
        if deleting
        else " Nothing was changed."
    )
    return ProviderError(f"configured Kubernetes cluster is unreachable: {error}.{hint}")
