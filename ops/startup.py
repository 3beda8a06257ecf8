"""What lets a command start, and quickly; to be prepared before anything else is loaded."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from types import ModuleType
from typing import Final

from ops import loopback

_PLUGINS: Final = "pydantic.plugin._loader"
_HTTPX_COMMAND: Final = "httpx._main"
_OURS: Final = ("ops", "components", "program", "local", "toolchain", "")


def prepare() -> None:
    """Keep Python and pydantic from work that no command needs, and a proxy from loopback."""
    loopback.without_proxy()
    # What a start makes stays, modules and models. To look through it for garbage after every 700
    # objects, as Python does by itself, and once more at the end, takes a twelfth of a short one.
    # With the engine's SDK and that of Kubernetes there are some 150,000.
    gc.set_threshold(200_000)
    atexit.register(gc.freeze)
    # Pydantic asks every installed package for plugins, of which this project uses none, before
    # its first model: a tenth of a start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Told not to, 2.14 still loads the module that would ask, and all that reads packages, mail
    # and archives with it: a twentieth.
    plugins = ModuleType(_PLUGINS)
    vars(plugins)["get_plugins"] = tuple
    sys.modules[_PLUGINS] = plugins
    # httpx has a command of its own, and does without where what it is made of is not there.
    sys.modules.setdefault(_HTTPX_COMMAND, None)  # type: ignore[arg-type]


def missing(error: ModuleNotFoundError) -> str:
    """Say what to do where the commands' packages are not there; raises any other error."""
    package = (error.name or "").partition(".")[0]
    if package in _OURS:
        raise error
    return (
        f"error: {sys.executable} has no package {package}: `make packages` installs all, and "
        "`. .venv/bin/activate` uses them"
    )
