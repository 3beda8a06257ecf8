"""Makes the directory of a template version: the HCL as it is, the data beside it.

The same arguments give the same bytes, so that a version is new exactly when something in it is.
"""

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from components import releases
from components.boundary.config import settings_of
from components.coder_agents import ISOLATED
from components.errors import refuse
from components.programs import (
    BOUNDARY_PIN,
    BOUNDARY_PROGRAM_PIN,
    CLAUDE_PROGRAM_PIN,
    IMAGE_PIN,
    Program,
)
from components.workspace_template.args import WorkspaceTemplateArgs
from components.workspace_template.source import SOURCE
from components.workspace_template.start_script import installs
from components.workspace_template.wiring import ModuleVersions, ProviderVersions

BUILD: Final = PurePosixPath("build/templates")
_KINDS: Final = frozenset({".tf", ".sh"})
"""Suffixes of what a template is made of."""

AGENT_ENV: Final = "agent_env.json"
"""The first file of every template, by name, and so the first to be written."""
_TASKS: Final = "tasks.tf"
_WITHOUT_TASKS: Final = "without_tasks.tf"
_CODER_AGENTS: Final = frozenset({"coder_agents.tf", "coder_agents_kubernetes.tf"})
_WITHOUT_CODER_AGENTS: Final = frozenset({"without_coder_agents.tf"})
_WIRINGS: Final = {4: "claude_code_4.tf", 5: "claude_code_5.tf"}
_OF_FIREWALL: Final = frozenset(
    {
        "claude_in_jail.sh",
        "jail_audit.sh",
        "jail_state.sh",
        "jail_watch.sh",
        "put_claude_in_jail.sh",
        "root_path.sh",
        "workspace_stat.sh",
        "write_boundary_config.sh",
    }
)
# As many hexadecimal digits of a file's digest tell an edit.
_DIGITS: Final = 16
_INSTALL_SCRIPT: Final = "install_programs.sh"
_MANAGED_SCRIPT: Final = "write_managed_settings.sh"
_PROVIDERS: Final = {"coder": "coder/coder", "kubernetes": "hashicorp/kubernetes"}


@dataclass(frozen=True)
class RenderedTemplate:
    """A template version before it is uploaded.

    Args:
        directory: where the files belong, relative to the project's root.
        files: contents by file name.
        variables: Terraform variables of the version, as Coder passes them.
        digest: SHA-256 over all that makes a version another one, in hexadecimal.
        pins: release by name of what the version takes from elsewhere.
        source: digest by name of every file that templates are made of, used by this one or not:
            which are used is the settings' to say.
        boundary: Boundary's settings without the rules, by key; empty without a firewall.
    """

    directory: PurePosixPath
    files: Mapping[str, bytes]
    variables: Mapping[str, str]
    digest: str
    pins: Mapping[str, str]
    source: Mapping[str, str]
    boundary: Mapping[str, str]

    def write(self, root: Path) -> Path:
        """Make the directory hold exactly these files, touching only what differs.

        Args:
            root: the project's root.

        Raises:
            OSError: the directory cannot be written.
            ArgsError: it holds files, and no template: whatever else is in a template's is removed.
        """
        directory = root / self.directory
        directory.mkdir(parents=True, exist_ok=True)
        others = sorted(each.name for each in directory.iterdir() if each.name[0] != ".")
        if others and AGENT_ENV not in others:
            refuse(
                "template",
                [f"directory {self.directory} holds {others[0]} and no template: name another"],
            )
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name not in self.files or entry.is_symlink():
                entry.unlink()
        for name, content in self.files.items():
            _write(directory / name, content)
        return directory


def render(args: WorkspaceTemplateArgs) -> RenderedTemplate:
    """Render a template; nothing is written and nothing but the HCL source is read.

    Raises ArgsError for a file of values beside the source.
    """
    wiring = args.module_versions.wiring
    left_out = {
        _WITHOUT_TASKS if args.tasks else _TASKS,
        *(_WITHOUT_CODER_AGENTS if args.lets_agents_in == ISOLATED else _CODER_AGENTS),
        *(name for number, name in _WIRINGS.items() if number != wiring),
        *(_OF_FIREWALL if args.firewall is None else ()),
        *(() if args.claude_policy else (_MANAGED_SCRIPT,)),
        *(() if installs(args.firewall, args.claude_program, wiring) else (_INSTALL_SCRIPT,)),
    }
    files = {name: content for name, content in _source().items() if name not in left_out}
    files["sizes.json"] = _json(asdict(args.sizes))
    files[AGENT_ENV] = args.agent_env.to_json().encode()
    if args.claude_policy is not None:
        files["managed-settings.json"] = args.claude_policy.to_json().encode()
    if overridden := _versions(args):
        files["versions_override.tf.json"] = _json(overridden)
    firewall = args.firewall
    variables = {
        "firewall": _bool(firewall is not None),
        "git_credentials": _bool(args.git_credentials),
        "gitlab_external_auth_id": args.gitlab_external_auth_id,
        "namespace": args.namespace,
        "no_user_namespace": _bool(firewall is not None and firewall.no_user_namespace),
        "seccomp_unconfined": _bool(firewall is not None and firewall.seccomp_unconfined),
        "use_kubeconfig": _bool(args.use_kubeconfig),
        "workspace_image": args.image,
    }
    if firewall is not None:
        files["boundary.yaml"] = firewall.config.encode()
        variables["boundary_version"] = releases.boundary_tag(firewall.boundary_version)
        variables["jail_type"] = firewall.jail_type
        variables |= _program("boundary", firewall.program)
    variables |= _program("claude", args.claude_program)
    files = dict(sorted(files.items()))
    variables = dict(sorted(variables.items()))
    return RenderedTemplate(
        directory=PurePosixPath(args.directory or BUILD / args.stack / args.name),
        files=files,
        variables=variables,
        digest=_digest(files, variables, args.provisioner_tags),
        pins=_pins(args),
        source=_source_digests(),
        boundary=settings_of(firewall.config) if firewall else {},
    )


@cache
def _source() -> Mapping[str, bytes]:
    """Return what templates are made of, by name.

    Anything else in the folder, such as what an editor or a file manager leaves there, and every
    hidden file is left out. A `*.tfvars` is refused: values are the stack's settings, and it may
    hold a secret.
    """
    files = [path for path in sorted(SOURCE.iterdir()) if path.is_file()]
    refuse(
        "template",
        (
            f"{path.name} stands in {SOURCE.parent.name}/{SOURCE.name}: take it out of there; "
            "values belong into the stack's settings"
            for path in files
            if path.name.endswith((".tfvars", ".tfvars.json"))
        ),
    )
    return {
        path.name: path.read_bytes()
        for path in files
        if path.suffix in _KINDS and path.name[0] != "."
    }


@cache
def _source_digests() -> Mapping[str, str]:
    return {
        name: hashlib.sha256(content).hexdigest()[:_DIGITS] for name, content in _source().items()
    }


def _program(name: str, program: Program | None) -> dict[str, str]:
    given = program.model_dump(exclude_none=True) if program else {}
    return {f"{name}_{key}": value for key, value in given.items()}


def _versions(args: WorkspaceTemplateArgs) -> dict[str, Any]:
    """Return the versions that are not the HCL's own; an override file changes literals."""
    overridden: dict[str, Any] = {}
    if args.module_versions != ModuleVersions(releases.CLAUDE_CODE[args.module_versions.wiring]):
        modules = asdict(args.module_versions).items()
        overridden["module"] = {name: {"version": version} for name, version in modules}
    if args.provider_versions != ProviderVersions():
        providers = asdict(args.provider_versions).items()
        overridden["terraform"] = {
            "required_providers": {
                name: {"source": _PROVIDERS[name], "version": version}
                for name, version in providers
            }
        }
    return overridden


def _pins(args: WorkspaceTemplateArgs) -> dict[str, str]:
    providers, modules = args.provider_versions, args.module_versions
    own = {
        BOUNDARY_PROGRAM_PIN: args.firewall.program if args.firewall else None,
        CLAUDE_PROGRAM_PIN: args.claude_program,
    }
    return {
        IMAGE_PIN: args.image,
        **({BOUNDARY_PIN: args.firewall.boundary_version} if args.firewall else {}),
        **{name: program.title for name, program in own.items() if program},
        releases.CLAUDE_CODE_PIN: modules.claude_code,
        "module code-server": modules.code_server,
        "provider coder/coder": providers.coder,
        "provider hashicorp/kubernetes": providers.kubernetes,
    }


def _digest(
    files: Mapping[str, bytes], variables: Mapping[str, str], tags: Mapping[str, str]
) -> str:
    content = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    return hashlib.sha256(
        _json({"files": content, "variables": dict(variables), "tags": dict(tags)})
    ).hexdigest()


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    # Replaced as a whole: an upload never sees half a file, and a killed run leaves none behind.
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    new.write_bytes(content)
    new.replace(path)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def _bool(value: bool) -> str:
    return "true" if value else "false"
