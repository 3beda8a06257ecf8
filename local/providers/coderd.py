"""The package `coderd`, as the plugin `terraform-provider` that it is bridged by.

The engine first calls Parameterize with what the SDK carries (`sdks/schema/coderd.json`), then
everything as for any package. Resources are made over coderd's REST API, whichever deployment
the provider's options name: the stand-in of the stack `local` is one like any other.
"""

import base64
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import grpc
from pulumi.runtime.proto import provider_pb2

from local.providers import coderd_schema
from local.providers.base import (
    ENGINE_KEYS,
    Call,
    Checked,
    Difference,
    Provider,
    ProviderError,
    Resource,
)
from local.providers.coderd_ai_price import AiModelPriceKind
from local.providers.coderd_ai_provider import AiProviderKind
from local.providers.coderd_client import BridgedError, Client, client_error
from local.providers.coderd_functions import FUNCTIONS
from local.providers.coderd_group import GroupKind
from local.providers.coderd_mcp import AgentsMcpServerKind
from local.providers.coderd_settings import Kind
from local.providers.coderd_template import TemplateKind
from local.providers.wire import UNKNOWN, Properties, Secret, has_unknown, plain

_ENVIRONMENT: Final = {"url": "CODER_URL", "token": "CODER_SESSION_TOKEN"}
# Releases that earlier commits name, in the states that they left and when a rollback runs them.
_EARLIER: Final = ("0.0.23",)
# The last release known to lack AiModelPrice; with a package of a later one it is served too.
_BEFORE_PRICES: Final = (0, 0, 30)
_PRICE: Final = "coderd:index/aiModelPrice:AiModelPrice"


class CoderdProvider(Provider):
    """Serves the resources and functions of coder/coderd against one deployment."""

    name: ClassVar[str] = "terraform-provider"
    version: ClassVar[str] = "1.1.3"
    bridged: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._config: Properties = {}
        self._client: Client | None = None
        self._default_organization = ""
        self._features: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._kinds: dict[str, Kind] = {
            "coderd:index/template:Template": TemplateKind(self, root),
            "coderd:index/group:Group": GroupKind(self),
            "coderd:index/agentsMcpServer:AgentsMcpServer": AgentsMcpServerKind(self),
            "coderd:index/aiProvider:AiProvider": AiProviderKind(self),
        }

    # The provider itself

    def parameterize(self, request: provider_pb2.ParameterizeRequest) -> tuple[str, str]:
        """Become the package coderd, and refuse to become any other."""
        schema = coderd_schema.schema()
        carried = json.loads(base64.b64decode(schema["parameterization"]["parameter"]))["remote"]
        if request.HasField("value"):
            try:
                asked = json.loads(request.value.value)["remote"]
            except (ValueError, KeyError, TypeError):
                asked = None
        else:
            words = list(request.args.args)
            asked = {"url": f"registry.opentofu.org/{words[0]}"} if words else None
            if asked and words[1:]:
                asked["version"] = words[1]
        served = [carried, {"url": carried["url"]}]
        served += [{**carried, "version": version} for version in _EARLIER]
        if asked and _is_later(asked.get("version")):
            served.append({**carried, "version": asked["version"]})
            self._kinds[_PRICE] = AiModelPriceKind(self, self._tell)
        if asked not in served:
            wanted = carried["url"].partition("/")[2]
            raise ProviderError(
                f"the local provider stands in for {wanted} {carried['version']} alone, "
                "which sdks/coderd is generated for",
                grpc.StatusCode.INVALID_ARGUMENT,
            )
        return str(schema["name"]), str(asked.get("version") or schema["version"])

    def schema(self) -> Mapping[str, Any]:
        """The schema that the SDK is generated from."""
        return coderd_schema.schema()

    def check_config(self, old: Properties, new: Properties) -> Checked:
        """Refuse options that are not of the provider."""
        given = {name: value for name, value in new.items() if name not in ENGINE_KEYS}
        failures = coderd_schema.check_config(_config(given))
        url = plain(new.get("url"))
        if isinstance(url, str) and urlsplit(url).scheme not in ("http", "https"):
            failures.append(("url", f"{url!r} is not the URL of a deployment: http or https"))
        return Checked(new, tuple(failures))

    def configure(self, config: Properties) -> None:
        """Take the options, and ask coderd who that is: nothing works before it answers."""
        with self._lock:
            self._config = _config(config)
            self._close()
        if self._config.get("defaultOrganizationId") is None:
            self._default_organization = self._first_organization()
        with client_error("failed to get deployment entitlements"):
            self._features = self.client().get("/api/v2/entitlements")["features"]

    def client(self) -> Client:
        """The deployment's REST API.

        Raises:
            ProviderError: it is not said, or not known yet, where and as whom.
        """
        with self._lock:
            if self._client is None:
                url, token = self._option("url"), self._option("token")
                headers = plain(self._config.get("headers")) or {}
                if has_unknown(headers):
                    raise ProviderError("the coderd provider's headers are not known yet")
                self._client = Client(url.rstrip("/"), token, headers)
            return self._client

    def _option(self, name: str) -> str:
        value = plain(self._config.get(name)) or os.environ.get(_ENVIRONMENT[name])
        if value is UNKNOWN:
            raise ProviderError(f"the coderd provider's {name} is not known yet")
        if not value:
            raise BridgedError(f"{name}: {name} or ${_ENVIRONMENT[name]} is required")
        return str(value)

    def _first_organization(self) -> str:
        try:
            user = self.client().get("/api/v2/users/me")
        except BridgedError as error:
            raise BridgedError(
                f"default_organization_id: failed to get default organization ID: {error}"
            ) from None
        return str(user["organization_ids"][0])

    def features(self) -> Mapping[str, Any]:
        """The features of the deployment's licence by name, as they were at the start."""
        return self._features

    def organization(self, inputs: Mapping[str, Any]) -> str:
        """Id of the organization that inputs name, or of the first of the token's user."""
        given = plain(inputs.get("organizationId")) or plain(
            self._config.get("defaultOrganizationId")
        )
        return str(given or self._default_organization)

    def cancel(self) -> None:
        """End waiting for imports."""
        with self._lock:
            if self._client is not None:
                self._client.interrupt()

    def close(self) -> None:
        """Close the connections to coderd."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    # Resources and functions

    def check(self, call: Call, old: Properties, new: Properties) -> Checked:
        """Hold the inputs against the schema, then against the rules of their kind."""
        kind = self._kind(call)
        inputs, failures = coderd_schema.check_resource(call.type, new)
        if failures:
            return Checked(inputs, tuple(failures))
        return kind.check(call, old, inputs)

    def diff(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Difference:
        """Compare inputs with what is there."""
        return self._kind(call).diff(call, old_inputs, state, new)

    def create(self, call: Call, new: Properties) -> Resource:
        """Make the object."""
        return self._kind(call).create(call, new)

    def read(self, call: Call, inputs: Properties, state: Properties) -> Resource | None:
        """Find the object."""
        return self._kind(call).read(call, inputs, state)

    def update(
        self, call: Call, old_inputs: Properties, state: Properties, new: Properties
    ) -> Properties:
        """Change the object."""
        return self._kind(call).update(call, old_inputs, state, new)

    def delete(self, call: Call, old_inputs: Properties, state: Properties) -> None:
        """Remove the object."""
        self._kind(call).delete(call, old_inputs, state)

    def invoke(self, token: str, args: Properties) -> Properties:
        """Look up an organization, a group or a user."""
        if token not in FUNCTIONS:
            return super().invoke(token, args)
        given, failures = coderd_schema.check_function(token, args)
        if failures:
            raise ProviderError(
                "; ".join(f"{path} {reason}" for path, reason in failures),
                grpc.StatusCode.INVALID_ARGUMENT,
            )
        return FUNCTIONS[token](self, plain(given))

    def _tell(self, urn: str, message: str) -> None:
        # The server says how only once it has the provider.
        self.warn(urn, message)

    def _kind(self, call: Call) -> Kind:
        try:
            return self._kinds[call.type]
        except KeyError:
            raise ProviderError(
                f"the local coderd provider has no resource type {call.type}; there is "
                f"{', '.join(sorted(self._kinds))}",
                grpc.StatusCode.UNIMPLEMENTED,
            ) from None


def _is_later(version: Any) -> bool:
    numbers = str(version).split(".")
    return all(map(str.isdecimal, numbers)) and tuple(map(int, numbers)) > _BEFORE_PRICES


def _config(given: Mapping[str, Any]) -> Properties:
    """The options, with maps as maps: SDKs send an option that is no text as JSON."""
    config: Properties = dict(given)
    headers = plain(config.get("headers"))
    if isinstance(headers, str):
        try:
            config["headers"] = Secret(json.loads(headers))
        except ValueError:
            config["headers"] = headers
    return config
