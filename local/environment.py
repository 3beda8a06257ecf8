"""Everything the stack `local` runs on: API server, coderd's stand-in, plugins, state.

All of it stands in one ignored folder, `.local`, and `stop` ends every process it started.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from components.settings.load import structured
from components.settings.problems import PROJECT, Problem, SettingsError
from components.settings.stored import FOLDER, encrypted, file_of
from local import keys, providers
from local.cluster import CONTEXT, LocalCluster
from local.coderd import EXTERNAL_AUTH, LocalCoderd
from local.daemon import end_below
from ops import stack_file
from ops.settings_then import SettingsThen
from toolchain import engine, plugins, tools

PREFIX = f"{PROJECT}:"
SECRETS_PROVIDER = keys.PROVIDER
"""Of the stacks that are made here."""
# What a stack's file says of the key to its secrets.
_KEY = ("encryptionsalt", "secretsprovider", "encryptedkey")


class Environment:
    """The local stand-ins of one state directory.

    Args:
        root: the checkout, with Pulumi.yaml and stacks/.
        state: where everything is kept; `root/.local` if not given.
    """

    def __init__(self, root: Path = tools.ROOT, state: Path | None = None) -> None:
        self.root = root
        self.state = (state or root / ".local").absolute()
        self.cluster = LocalCluster(self.state)
        self.coderd = LocalCoderd(self.state, external_logins(root), workspace_url=access_url(root))
        self.workspace = self.state / "workspace"
        self._located: tuple[plugins.Located, ...] | None = None

    @property
    def exists(self) -> bool:
        """Whether anything of it is on disk."""
        return self.state.exists()

    def has_stack(self, name: str) -> bool:
        """Return whether the backend has stack `name`, without asking the engine."""
        return (self.state / "state/.pulumi/stacks" / PROJECT / f"{name}.json").exists()

    def start(self, progress: tools.Progress = tools.report) -> None:
        """Start what does not run, and make the backend; raises what the parts raise."""
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as lock:
            # Two stacks may be brought up at once: one starts all of it, the other waits.
            fcntl.flock(lock, fcntl.LOCK_EX)
            (self.state / "state").mkdir(exist_ok=True)
            self._home().mkdir(exist_ok=True)
            self._without_log()
            self._passphrase()
            # Where both have to be built, one links, on one core, while the other compiles.
            with ThreadPoolExecutor(1) as beside:
                located = beside.submit(self._locate, progress)
                self.cluster.start(progress)
                self.coderd.start(progress)
                located.result()

    def stop(self) -> None:
        """End every process; the state stays."""
        self.coderd.stop()
        self.cluster.stop()
        end_below(self._home() / "plugins")

    def remove(self) -> None:
        """End every process and remove the state."""
        if self.exists:
            self.stop()
            shutil.rmtree(self.state)

    def variables(self) -> dict[str, str]:
        """Return the environment of the engine: backend, passphrase, cluster."""
        return {
            # Without `metadata=skip` every file has a sidecar that is not written in one step: an
            # engine killed in that moment leaves a state that cannot be read (gocloud fileblob).
            "PULUMI_BACKEND_URL": f"file://{self.state / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase()),
            "PULUMI_HOME": str(self._home()),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "KUBECONFIG": str(self.cluster.kubeconfig),
        }

    @contextmanager
    def serving(self) -> Iterator[dict[str, str]]:
        """Serve what is stood in for; yields the environment of an engine that uses all of this."""
        located = self._locate(tools.report)
        with (
            providers.serve(*providers.stood_in(located), root=self.workspace) as ports,
            keys.serve(self._passphrase()) as key_service,
            # The engine takes a passphrase itself before one in a file, and would take another
            # stack's.
            _environment(
                {"KUBECONFIG": str(self.cluster.kubeconfig), "PULUMI_CONFIG_PASSPHRASE": None}
            ),
        ):
            environment = {
                **self.variables(),
                **providers.engine_environment(ports),
                **key_service,
            }
            for one in located:
                environment |= one.environment
            yield environment

    def prepare(self, stack: str, changes: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Lay out the engine's working directory for `stack`.

        The stack's committed settings are copied, `changes` (plain data by top-level key) put
        over them, and the addresses of the stand-ins filled in; secrets that are there stay.
        Returns the secrets that are missing by their path, to be set encrypted.

        Raises SettingsError for a file that the engine refuses.
        """
        stacks = self.workspace / "stacks"
        stacks.mkdir(parents=True, exist_ok=True)
        _write(self.workspace / "Pulumi.yaml", (self.root / "Pulumi.yaml").read_bytes())
        source = file_of(stack, self.root)
        name = source.name
        try:
            document = stack_file.completed(source.read_bytes())
        except stack_file.StackFileError as error:
            raise SettingsError(stack, [Problem(name, "", str(error))]) from None
        config: dict[str, Any] = document["config"]
        for key, value in (changes or {}).items():
            config[f"{PREFIX}{key}"] = value
        known = SettingsThen(self.root)
        for key, values in {
            "coder": {"apiUrl": self.coderd.url},
            "kubernetes": {"context": CONTEXT},
            "verify": self._observability(),
        }.items():
            there = structured(config.get(f"{PREFIX}{key}")) or {}
            # What is no map stays: the program says what is right. An earlier commit's may not know
            # the section at all.
            if isinstance(there, Mapping) and known.knows(key):
                config[f"{PREFIX}{key}"] = {**there, **values}
        kept: dict[str, Any] = {}
        target = stacks / name
        if target.exists():
            kept = stack_file.completed(target.read_bytes())
        # Without a key, the first secret that is set makes it.
        key_told = {each: kept[each] for each in _KEY if each in kept}
        document.update(key_told or {"secretsprovider": SECRETS_PROVIDER})
        stored = (kept.get("config") or {}).get(f"{PREFIX}secrets")
        if stored is None:
            stored = config.pop(f"{PREFIX}secrets", None)
        else:
            stored, _ = known.without_unknown("secrets", stored)
        # What stood in clear is refused where it was written, and made anew here.
        if stored := encrypted(stored):
            config[f"{PREFIX}secrets"] = stored
        _write(target, stack_file.written(document))
        missing = self._missing(config)
        return {path: value for path, value in missing.items() if known.knows_path(path)}

    def _observability(self) -> dict[str, str]:
        base = f"{self.coderd.url}/observability"
        return {"lokiUrl": base, "prometheusUrl": f"{base}/prometheus"}

    def _missing(self, config: Mapping[str, Any]) -> dict[str, str]:
        there = config.get(f"{PREFIX}secrets") or {}
        wanted: dict[str, str] = {"secrets.coderToken": self.coderd.token}
        for provider in _entries(config, "externalAuth", "providers"):
            for part in ("clientId", "clientSecret"):
                path = f"secrets.externalAuth.{provider.get('id', 'gitlab')}.{part}"
                wanted[path] = secrets.token_hex(16)
        for service in ("loki", "prometheus"):
            wanted[f"secrets.verify.{service}"] = self.coderd.token
        for server in _entries(config, "mcpServers"):
            if server.get("authType", "api_key") == "api_key":
                wanted[f"secrets.mcp.{server.get('slug')}"] = secrets.token_hex(16)
        for provider in _entries(config, "aiGateway", "providers"):
            for part in ("apiKey", "accessKey", "accessKeySecret"):
                wanted[f"secrets.aiProviders.{provider.get('name')}.{part}"] = secrets.token_hex(16)
        return {path: value for path, value in wanted.items() if not _has(there, path)}

    def _locate(self, progress: tools.Progress) -> tuple[plugins.Located, ...]:
        """Find the engine's plugins, and give it those that are not stood in for."""
        if self._located is None:
            self._located = providers.locate(lambda: engine.find(progress), progress)
            self._tell_where(plugins.summary(self._located), progress)
            for one in self._located:
                if one.binary is not None:
                    plugins.link(self._home(), one)
        return self._located

    def _tell_where(self, summary: str, progress: tools.Progress) -> None:
        """Say where the plugins are from, unless that is what was said here last."""
        said = self.state / "plugins-from"
        if not said.exists() or said.read_text(encoding="utf-8") != summary:
            progress(summary)
            _write(said, summary.encode())

    def _home(self) -> Path:
        return self.state / "pulumi-home"

    def _without_log(self) -> None:
        """Keep the engine from logging every property of every run, up to 500 MB of them.

        It has no switch for that (pulumi 3.259, pkg/logging), but goes on without a log where the
        folder cannot be made. The log is a third of a preview's processor time.
        """
        (self._home() / "logs").touch()

    def _passphrase(self) -> Path:
        path = self.state / "passphrase"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return path


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole: another stack's engine may be reading it."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    new.write_bytes(content)
    new.replace(path)


def external_logins(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the external logins that the stacks of a checkout name, by id, with who has one.

    A deployment configures them before its first template; the stand-in has them from the start.
    """
    found = dict(EXTERNAL_AUTH)
    for path in sorted((root / FOLDER).glob("Pulumi.*.yaml")):
        for each in _entries(_config(path), "externalAuth", "providers"):
            if isinstance(each.get("id"), str):
                found.setdefault(each["id"], EXTERNAL_AUTH["gitlab"])
    return {id: tuple(names) for id, names in found.items()}


def access_url(root: Path) -> str:
    """Return the URL by which workspaces of the stack local know Coder, empty if it has none."""
    coder = structured(_config(file_of("local", root)).get(f"{PREFIX}coder"))
    return str(coder.get("accessUrl", "")) if isinstance(coder, Mapping) else ""


def _config(path: Path) -> Mapping[str, Any]:
    """Return the settings of a stack's file by full key; none of one that cannot be read."""
    try:
        return _settings(path.read_bytes())
    except (OSError, stack_file.StackFileError):
        return {}  # whoever runs that stack is told


@lru_cache(maxsize=16)
def _settings(content: bytes) -> Mapping[str, Any]:
    config: dict[str, Any] = stack_file.completed(content)["config"]
    return config


def _entries(config: Mapping[str, Any], key: str, *inner: str) -> Iterator[Mapping[str, Any]]:
    """Return the maps of a list among settings; what is something else, the program refuses."""
    found = structured(config.get(f"{PREFIX}{key}"))
    for each in inner:
        found = found.get(each) if isinstance(found, Mapping) else None
    return (
        each for each in (found if isinstance(found, list) else ()) if isinstance(each, Mapping)
    )


def _has(there: Mapping[str, Any], path: str) -> bool:
    place: Any = there
    for part in path.split(".")[1:]:
        place = place.get(part) if isinstance(place, Mapping) else None
    return place is not None


@contextmanager
def _environment(changes: Mapping[str, str | None]) -> Iterator[None]:
    # The program runs in this process and reads its environment, as under a language host; the
    # engine is given it too.
    before = {key: os.environ.get(key) for key in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for key, value in variables.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
