"""Writes the Python SDK of the coderd provider: `python -m toolchain.sdk [--check]`.

Its schema is `sdks/schema/coderd.json`, what `pulumi package add terraform-provider coder/coderd`
would make of the provider. Pulumi's own generator writes the SDK from it, so nothing in
`sdks/coderd` is ever edited.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from toolchain import tools

SCHEMA = tools.ROOT / "sdks" / "schema" / "coderd.json"
"""The package schema, which people edit."""
SDK = tools.ROOT / "sdks" / "coderd"
"""The generated package, which nobody edits."""

_GENERATOR = "pulumi-sdkgen"
_BUILT = ("build", "dist", "__pycache__", "*.egg-info", "*.pyc")


class SdkError(Exception):
    """The SDK could not be generated; the message says why."""


def generate(folder: Path, schema: Path = SCHEMA) -> None:
    """Write the SDK of a schema.

    Args:
        folder: where to; must be absent or empty.
        schema: the package schema as JSON.

    Raises:
        SdkError: the generator cannot be built, or refuses the schema or the folder.
    """
    try:
        generator = tools.build(_GENERATOR)
    except tools.ToolError as error:
        raise SdkError(str(error)) from None
    done = subprocess.run(
        [str(generator), str(schema), str(folder)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise SdkError(done.stderr.strip() or f"{_GENERATOR} ended with {done.returncode}")


def write(sdk: Path = SDK, schema: Path = SCHEMA) -> None:
    """Replace the SDK with a new one; it stays as it is if the schema is refused.

    Raises:
        SdkError: as for `generate`.
    """
    with tempfile.TemporaryDirectory(dir=sdk.parent, prefix=".") as scratch:
        fresh = Path(scratch) / sdk.name
        generate(fresh, schema)
        if sdk.exists():
            shutil.rmtree(sdk)
        fresh.replace(sdk)


def stale(sdk: Path = SDK, schema: Path = SCHEMA) -> tuple[str, ...]:
    """The files of the SDK that are not what the generator writes, sorted, as paths below it.

    Files that an installation of the package leaves behind do not count.

    Raises:
        SdkError: as for `generate`.
    """
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "sdk"
        generate(fresh, schema)
        wanted, found = _contents(fresh), _contents(sdk)
    return tuple(
        sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    )


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not _is_built(path.relative_to(folder))
    }


def _is_built(path: Path) -> bool:
    return any(Path(part).match(pattern) for part in path.parts for pattern in _BUILT)


def main() -> None:
    """Write the SDK, or with --check say whether it is what the schema makes."""
    parser = argparse.ArgumentParser(prog="python -m toolchain.sdk", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if stale")
    arguments = parser.parse_args()
    try:
        if not arguments.check:
            write()
        elif differing := stale():
            raise SdkError(
                "sdks/coderd is not what sdks/schema/coderd.json makes; run `make sdk`. "
                f"Differing: {', '.join(differing)}"
            )
    except SdkError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
