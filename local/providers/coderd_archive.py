"""The directory of a template version: what of it is uploaded, and its digest."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 1 << 20
"""The archive must be smaller; TemplateArchiveLimit in coder's provisionersdk/archive.go."""

_LOCK: Final = ".terraform.lock.hcl"


class DirectoryError(Exception):
    """A directory cannot be a template; the message says why."""


def read(directory: Path) -> dict[str, bytes]:
    """The files of a template by their path, sorted.

    Hidden files and Terraform states stay out, as in coder's provisionersdk/archive.go.

    Raises:
        DirectoryError: it is no directory, holds no Terraform, or cannot be read.
    """
    if not directory.is_dir():
        raise DirectoryError(f"{directory} is not a directory")
    try:
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        files = {
            name: path.read_bytes()
            for path in paths
            if _belongs(name := path.relative_to(directory).as_posix())
        }
    except OSError as error:
        raise DirectoryError(f"{directory} cannot be read: {error.strerror}") from None
    if not any("/" not in name and name.endswith((".tf", ".tf.json")) for name in files):
        raise DirectoryError(f"{directory} is no template: it has no .tf file")
    variables = [name for name in files if _is_variables(name)]
    if variables:
        raise DirectoryError(f"give the values in {variables[0]} as tf_vars")
    return files


def _belongs(name: str) -> bool:
    parts = name.split("/")
    hidden = any(part.startswith(".") for part in parts) and parts[-1] != _LOCK
    return not hidden and ".tfstate" not in name


def _is_variables(name: str) -> bool:
    return name in ("terraform.tfvars", "terraform.tfvars.json") or name.endswith(
        (".auto.tfvars", ".auto.tfvars.json")
    )


def digest(directory: Path) -> str:
    """The provider's digest of a directory: the contents of all its files, without their names.

    The order is that of Go's filepath.Walk (internal/provider/util.go in
    coder/terraform-provider-coderd).

    Raises:
        DirectoryError: it cannot be read.
    """
    total = hashlib.sha256()
    try:
        for path in _walk(directory):
            total.update(path.read_bytes())
    except OSError as error:
        raise DirectoryError(f"{directory}: {error.strerror}") from None
    return total.hexdigest()


def _walk(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def pack(files: dict[str, bytes]) -> bytes:
    """A tar archive of the files, byte for byte the same for the same files.

    Raises:
        DirectoryError: it is larger than coderd takes.
    """
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    if content.tell() >= LIMIT_BYTES:
        raise DirectoryError(f"the archive has {content.tell()} bytes, the most is {LIMIT_BYTES}")
    return content.getvalue()
