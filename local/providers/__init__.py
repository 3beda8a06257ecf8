"""The engine's providers: plugins where they can be had, stand-ins elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from toolchain import plugins, tools

_MODULES: Final = {
    "random": ("local.providers.random", "RandomProvider"),
    "coderd": ("local.providers.coderd", "CoderdProvider"),
}


_SERVED_BY: Final = {"random": "random", "terraform-provider": "coderd"}
"""The package that stands in for a plugin, by the plugin's name."""


def locate(engine: Callable[[], Path], progress: tools.Progress) -> tuple[plugins.Located, ...]:
    """Find the plugins of the program's packages.

    Args:
        engine: returns the engine, which downloads plugins.
        progress: told what is downloaded or built.

    Raises:
        tools.ToolError: a plugin that nothing stands in for cannot be built.
    """

    def build(binary: str, *, only_kept: bool) -> Path | None:
        if only_kept or binary not in tools.TOOLS:
            return tools.kept(binary)
        return tools.build(binary, progress)

    finder = plugins.Finder(engine, tools.cache() / "pulumi-home", build, progress)
    return finder.all(plugins.wanted())


def stood_in(located: Sequence[plugins.Located]) -> tuple[str, ...]:
    """Return the packages that have to be served: those whose plugins are not there."""
    return tuple(_SERVED_BY[one.plugin.name] for one in located if one.binary is None)


@contextmanager
def serve(*names: str, root: Path) -> Iterator[dict[str, int]]:
    """Serve packages to the engine for as long as the context lasts.

    Args:
        names: "random", "coderd".
        root: directory of Pulumi.yaml, which relative paths in inputs start from.

    Yields:
        The port of each plugin by the plugin's name, to be given to `debug_providers`.

    Raises:
        ValueError: a name is not known.
        local.providers.base.ProviderError: no port is free.
    """
    from local.providers.server import ProviderServer

    with ExitStack() as stack:
        ports: dict[str, int] = {}
        for name in names:
            if name not in _MODULES:
                raise ValueError(f"no local provider {name!r}: there is {', '.join(_MODULES)}")
            module, attribute = _MODULES[name]
            provider = getattr(import_module(module), attribute)
            server = ProviderServer(partial(provider, root))
            stack.callback(server.close)
            # A parameterized package is served by its base plugin, which gives the key.
            ports[provider.name] = server.port
        yield ports


def debug_providers(ports: Mapping[str, int]) -> str:
    """The value of PULUMI_DEBUG_PROVIDERS which makes the engine attach to the ports."""
    return ",".join(f"{name}:{port}" for name, port in ports.items())


def engine_environment(ports: Mapping[str, int]) -> dict[str, str]:
    """Environment variables with which the engine uses what it was given and nothing else.

    It attaches to the served providers, looks for no plugin on the network (it does so for those of
    an existing state before it asks the attached ones, which takes seconds and fails behind a
    firewall), and takes none from PATH, which is a warning in every preview: what is there was
    linked into its own folder.
    """
    only = {
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    }
    return {**only, "PULUMI_DEBUG_PROVIDERS": debug_providers(ports)} if ports else only
