"""Providers that the engine attaches to, in place of plugins it would have to download."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

_MODULES: Final = {
    "random": ("local.providers.random", "RandomProvider"),
    "kubernetes": ("local.providers.kubernetes", "KubernetesProvider"),
    "coderd": ("local.providers.coderd", "CoderdProvider"),
}


@contextmanager
def serve(*names: str, root: Path) -> Iterator[dict[str, int]]:
    """Serve packages to the engine for as long as the context lasts.

    Args:
        names: "random", "kubernetes", "coderd".
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
    """Environment variables with which the engine uses the served providers and nothing else.

    Without the second one the engine looks for the plugins of an existing state on the network
    before it asks the attached providers, which takes seconds and fails behind a firewall.
    """
    return {
        "PULUMI_DEBUG_PROVIDERS": debug_providers(ports),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
