"""What a template import finds out about a directory of Terraform without running Terraform.

Coder's provisioner runs `terraform plan`. Here the HCL is parsed and checked for what goes wrong
most: syntax, blocks declared twice, references to what is not declared, files that are not there,
and variables without a value. Provider schemas are not known, so a wrong argument passes.

One check is stricter than Coder: a value for a variable that is not declared is refused, where
Coder ignores it.
"""

import io
import posixpath
import re
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from local.coderd import hcl
from local.coderd.expressions import code, expressions

MAX_ARCHIVE_BYTES: Final = 10 << 20
"""The largest unpacked file; Untar in coder's provisionersdk/archive.go."""

_REFERENCE: Final = re.compile(r"(?<![\w.])(var|local|module|data)\.(\w[\w-]*)(?:\.(\w[\w-]*))?")
_RESOURCE: Final = re.compile(r"(?<![\w.])([a-z][a-z0-9]*_\w+)\.([A-Za-z_][\w-]*)")
_FILE: Final = re.compile(
    r'(?<![\w.])(?:file|templatefile|filebase64)\(\s*"\$\{path\.module\}/([^"$]+)"'
)
_CONDITION: Final = re.compile(r"\$\{\s*var\.(\w+)\s*\?")


class ArchiveError(Exception):
    """The uploaded file is no tar archive that can be unpacked."""


@dataclass(frozen=True)
class Diagnostic:
    """An error as Terraform shows it.

    `line` counts from 1; 0 if the error is of the whole configuration.
    """

    summary: str
    detail: str
    file: str = ""
    line: int = 0

    def lines(self) -> list[str]:
        """The error as lines of a provisioner log."""
        place = [f"  on {self.file} line {self.line}:", ""] if self.line else []
        return [f"Error: {self.summary}", "", *place, self.detail]


@dataclass(frozen=True)
class TerraformVariable:
    """A declared input variable; `default` is None if it has none that is a literal."""

    name: str
    type: str
    required: bool
    default: str | None = None
    description: str = ""
    sensitive: bool = False


@dataclass(frozen=True)
class TemplatePlan:
    """What an import found: errors, or what the template is made of."""

    errors: tuple[Diagnostic, ...] = ()
    missing: tuple[str, ...] = ()
    variables: tuple[TerraformVariable, ...] = ()
    external_auth: tuple[tuple[str, bool], ...] = ()
    """Ids of required external logins, and whether each is optional."""
    parameters: tuple[Mapping[str, Any], ...] = ()
    agents: tuple[str, ...] = ()
    resources: tuple[tuple[str, str], ...] = ()


@dataclass
class _Module:
    blocks: dict[str, dict[tuple[str, ...], Mapping[str, Any]]] = field(default_factory=dict)
    errors: list[Diagnostic] = field(default_factory=list)
    locals: set[str] = field(default_factory=set)

    def of(self, kind: str) -> dict[tuple[str, ...], Mapping[str, Any]]:
        return self.blocks.get(kind, {})


def unpack(archive: bytes) -> dict[str, bytes]:
    """The regular files of a tar archive by their path.

    Raises:
        ArchiveError: it is no tar archive, or a file in it is too large.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                if not member.isfile() or name.startswith(("/", "..")):
                    continue
                if member.size > MAX_ARCHIVE_BYTES:
                    raise ArchiveError(f"{name} is larger than {MAX_ARCHIVE_BYTES} bytes")
                content = tar.extractfile(member)
                files[name] = content.read() if content else b""
    except tarfile.TarError:
        raise ArchiveError("the file is not a tar archive") from None
    return files


def plan(files: Mapping[str, bytes], values: Mapping[str, str]) -> TemplatePlan:
    """Check a template's files.

    Args:
        files: contents by path, `/` between parts.
        values: the version's variables.
    """
    sources = {
        name: files[name] for name in sorted(files) if "/" not in name and name.endswith(".tf")
    }
    if not sources and not any("/" not in name and name.endswith(".tf.json") for name in files):
        return TemplatePlan(
            errors=(
                Diagnostic(
                    "No configuration files",
                    "Plan requires configuration to be present. Planning without a configuration "
                    "would mark everything for destruction, which is normally not what is desired.",
                ),
            )
        )
    module = _Module()
    texts: dict[str, list[str]] = {}
    for name, content in sources.items():
        parsed = _parse(name, content)
        if isinstance(parsed, Diagnostic):
            module.errors.append(parsed)
        else:
            _collect(module, name, parsed)
            texts[name] = list(code(parsed))
    variables = tuple(_variable(name, body) for (name,), body in module.of("variable").items())
    known = {item.name: values.get(item.name, item.default) for item in variables}
    if not module.errors:
        for name, pieces in texts.items():
            source = sources[name].decode()
            _check_references(module, name, pieces, source)
            _check_files(module, name, pieces, source, names=files.keys(), known=known)
    _check_values(module, variables, values)
    if module.errors:
        return TemplatePlan(errors=tuple(module.errors))
    # An empty value is none (coderd/provisionerdserver, UpdateJob).
    missing = tuple(item.name for item in variables if item.required and not values.get(item.name))
    return TemplatePlan(
        missing=missing,
        variables=variables,
        external_auth=tuple(_external_auth(module, known)),
        parameters=tuple(
            {"name": _literal(body.get("name"), known), "type": _literal(body.get("type"), known)}
            for (kind, _), body in module.of("data").items()
            if kind == "coder_parameter"
        ),
        agents=tuple(name for kind, name in module.of("resource") if kind == "coder_agent"),
        resources=tuple(
            (kind, name)
            for kind, name in module.of("resource")
            if kind not in ("coder_agent", "coder_env", "coder_app", "coder_script")
        ),
    )


@lru_cache(maxsize=256)
def _parse(name: str, content: bytes) -> Mapping[str, Any] | Diagnostic:
    # Templates share their sources: a hundred of them read the same few files once.
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return Diagnostic("Invalid character encoding", f"{name} is not encoded in UTF-8.", name, 1)
    try:
        return hcl.tree(text if text.endswith("\n") else text + "\n")
    except hcl.HclError as error:
        said = _excerpt(text, error.line) if error.line else "The file cannot be parsed."
        return Diagnostic("Invalid configuration syntax", said, name, error.line or 1)


def _excerpt(text: str, line: int) -> str:
    lines = text.splitlines()
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return f"   {line}: {shown}" if shown else "The file ends within a block or a string."


def _collect(module: _Module, file: str, tree: Mapping[str, Any]) -> None:
    labels = {"resource": 2, "data": 2, "variable": 1, "module": 1, "output": 1}
    for kind, entries in tree.items():
        for entry in entries if isinstance(entries, list) else []:
            if kind == "locals":
                module.locals |= {_bare(key) for key in entry if not key.startswith("__")}
            for path, body in _labelled(entry, labels.get(kind, 0)):
                known = module.blocks.setdefault(kind, {})
                if path in known:
                    dotted = ".".join(path)
                    module.errors.append(
                        Diagnostic(
                            f"Duplicate {kind} declaration",
                            f'"{dotted}" is declared more than once, again in {file}.',
                        )
                    )
                known[path] = body


def _labelled(entry: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if depth == 0 or not isinstance(entry, Mapping):
        return
    for label, body in entry.items():
        if label.startswith("__") or not isinstance(body, Mapping):
            continue
        if depth == 1:
            yield (_bare(label),), body
        else:
            for rest, inner in _labelled(body, depth - 1):
                yield (_bare(label), *rest), inner


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _check_references(module: _Module, file: str, pieces: list[str], source: str) -> None:
    prefixes = {kind.partition("_")[0] for kind, _ in module.of("resource")}
    seen: set[str] = set()
    for piece in pieces:
        code = expressions(piece)
        for match in _REFERENCE.finditer(code):
            problem = _undeclared(module, *match.groups())
            if problem and match[0] not in seen:
                seen.add(match[0])
                module.errors.append(_at(problem, match[0], file, source))
        for match in _RESOURCE.finditer(code):
            kind, name = match.groups()
            if (
                kind.partition("_")[0] in prefixes
                and (kind, name) not in module.of("resource")
                and match[0] not in seen
                and f"data.{match[0]}" not in code
            ):
                seen.add(match[0])
                problem = (
                    "Reference to undeclared resource",
                    f'A managed resource "{kind}" "{name}" has not been declared in the root '
                    "module.",
                )
                module.errors.append(_at(problem, match[0], file, source))


def _taken(piece: str, known: Mapping[str, str | None]) -> str:
    """The part of an expression that is certain to be evaluated, as far as it is easy to say."""
    condition = _CONDITION.match(piece)
    if condition and known.get(condition[1]) == "true":
        return piece.rpartition(":")[0]
    return "" if "?" in piece else piece


def _check_files(
    module: _Module,
    file: str,
    pieces: list[str],
    source: str,
    *,
    names: Collection[str],
    known: Mapping[str, str | None],
) -> None:
    seen: set[str] = set()
    for piece in pieces:
        for match in _FILE.finditer(_taken(piece, known)):
            path = posixpath.normpath(match[1])
            if path not in names and path not in seen:
                seen.add(path)
                problem = (
                    "Invalid function argument",
                    f'Invalid value for "path" parameter: no file exists at "./{path}".',
                )
                module.errors.append(_at(problem, f'/{match[1]}"', file, source))


def _undeclared(module: _Module, scope: str, name: str, more: str | None) -> tuple[str, str] | None:
    declared = {
        "var": (name,) in module.of("variable"),
        "local": name in module.locals,
        "module": (name,) in module.of("module"),
        "data": (name, more or "") in module.of("data"),
    }
    if declared[scope]:
        return None
    what = {
        "var": ("input variable", f'An input variable with the name "{name}"'),
        "local": ("local value", f'A local value with the name "{name}"'),
        "module": ("module", f'A module call with the name "{name}"'),
        "data": ("resource", f'A data resource "{name}" "{more}"'),
    }[scope]
    return f"Reference to undeclared {what[0]}", f"{what[1]} has not been declared."


def _at(problem: tuple[str, str], text: str, file: str, source: str) -> Diagnostic:
    line = next(
        (
            number
            for number, line in enumerate(source.splitlines(), 1)
            if text in line and not line.lstrip().startswith(("#", "//"))
        ),
        1,
    )
    return Diagnostic(problem[0], problem[1], file, line)


def _variable(name: str, body: Mapping[str, Any]) -> TerraformVariable:
    default = body.get("default")
    kind = body.get("type")
    return TerraformVariable(
        name=name,
        type=re.sub(r"^\$\{|\}$", "", kind) if isinstance(kind, str) else "string",
        required=default is None,  # `null` is none (provisioner/terraform, parse.go)
        default=_literal(default, {}),
        description=_literal(body.get("description"), {}) or "",
        sensitive=body.get("sensitive") is True,
    )


def _check_values(
    module: _Module, variables: tuple[TerraformVariable, ...], values: Mapping[str, str]
) -> None:
    declared = {item.name: item for item in variables}
    for name, value in values.items():
        variable = declared.get(name)
        if variable is None:
            module.errors.append(
                Diagnostic(
                    "Value for undeclared variable",
                    f'The root module does not declare a variable named "{name}" but a value for '
                    "it was given.",
                )
            )
        elif not _converts(variable.type, value):
            module.errors.append(
                Diagnostic(
                    "Invalid value for input variable",
                    f"The value given for var.{name} is not suitable: {variable.type} required.",
                )
            )


def _converts(kind: str, value: str) -> bool:
    if kind == "bool":
        return value in ("true", "false")
    if kind == "number":
        return re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value) is not None
    return True


def _literal(value: Any, known: Mapping[str, str | None]) -> str | None:
    """A value as text: a literal, or a reference to a variable with a known value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    reference = re.fullmatch(r'"?\$\{var\.(\w+)\}"?', value)
    if reference:
        return known.get(reference[1])
    return _bare(value) if value.startswith('"') and "${" not in value else None


def _external_auth(module: _Module, known: Mapping[str, str | None]) -> Iterator[tuple[str, bool]]:
    for (kind, _), body in module.of("data").items():
        if kind == "coder_external_auth":
            provider = _literal(body.get("id"), known)
            if provider is not None:
                yield provider, _literal(body.get("optional"), known) == "true"
