"""Serves the components to Pulumi's engine."""

from typing import Any

from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult
from pulumi.provider.experimental import component_provider_host, host
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.server import ComponentInitError

from components import VERSION
from components.errors import ArgsError
from components.package import COMPONENTS, NAME
from components.workspace_template import directories


class PackageProvider(ComponentProvider):
    """Pulumi's provider of components, which tells of wrong arguments without a traceback."""

    def construct(self, *arguments: Any, **options: Any) -> ConstructResult:
        """Construct a component; arguments and errors as in the SDK."""
        try:
            return super().construct(*arguments, **options)
        except ComponentInitError as error:
            if isinstance(error.inner, ArgsError):
                # Some languages show the message alone, so nothing is told by property; without a
                # list of those the SDK (pulumi 3.259) fails on its way.
                raise InputPropertiesError(str(error.inner), []) from None
            raise


def serve() -> None:
    """Answer the engine until it ends this process."""
    directories.one_run()
    # The host takes no other (pulumi 3.259): it makes one by this name.
    host.ComponentProvider = PackageProvider  # type: ignore[attr-defined]
    component_provider_host(COMPONENTS, NAME, version=VERSION)
