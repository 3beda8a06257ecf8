"""The kinds of random values, each with its inputs, its outputs and how one is imported."""

import base64
import binascii
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Any, Final

from local.providers.base import (
    ProviderError,
)
from local.providers.random_words import ADJECTIVES, ADVERBS, NAMES
from local.providers.wire import has_unknown

_SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
_DIGITS: Final = "0123456789"
_BCRYPT_BYTES: Final = 72
_SYSTEM: Final = SystemRandom()

Failures = list[tuple[str, str]]


@dataclass(frozen=True)
class RandomKind:
    """One resource type: inputs by type, defaults, and the outputs that are made."""

    inputs: Mapping[str, type]
    outputs: tuple[str, ...]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    minimum: Mapping[str, int] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()
    schema_version: int = 0

    def check(self, given: Mapping[str, Any]) -> Failures:
        """What is wrong with known inputs beyond their types."""
        return []

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """A new id and the outputs, from complete inputs."""
        raise NotImplementedError

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        """Inputs, id and outputs of a value that exists, from what the user imports."""
        raise ProviderError("resources of this type cannot be imported")


_CHARACTERS: Final[Mapping[str, type]] = {
    "keepers": dict,
    "length": int,
    "special": bool,
    "upper": bool,
    "lower": bool,
    "number": bool,
    "numeric": bool,
    "minNumeric": int,
    "minUpper": int,
    "minLower": int,
    "minSpecial": int,
    "overrideSpecial": str,
}


_CHARACTER_DEFAULTS: Final = {
    "special": True,
    "upper": True,
    "lower": True,
    "numeric": True,
    "minNumeric": 0,
    "minUpper": 0,
    "minLower": 0,
    "minSpecial": 0,
}


@dataclass(frozen=True)
class _String(RandomKind):
    inputs: Mapping[str, type] = field(default_factory=lambda: _CHARACTERS)
    outputs: tuple[str, ...] = ("result",)
    required: tuple[str, ...] = ("length",)
    defaults: Mapping[str, Any] = field(default_factory=lambda: _CHARACTER_DEFAULTS)
    minimum: Mapping[str, int] = field(
        default_factory=lambda: {
            "length": 1,
            "minNumeric": 0,
            "minUpper": 0,
            "minLower": 0,
            "minSpecial": 0,
        }
    )

    def check(self, given: Mapping[str, Any]) -> Failures:
        failures: Failures = []
        minima = ("minUpper", "minLower", "minNumeric", "minSpecial")
        if has_unknown([given.get(name) for name in ("length", *minima)]):
            return failures
        least = sum(given[name] for name in minima)
        if given["length"] < least:
            failures.append(
                (
                    "length",
                    f"must be at least the sum of {', '.join(minima)}, {least}, "
                    f"but is {given['length']}",
                )
            )
        switches = [given[name] for name in ("special", "upper", "lower", "numeric")]
        if not any(switches):
            failures.append(
                ("length", "at least one of special, upper, lower, numeric must be true")
            )
        return failures

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        special = given.get("overrideSpecial") or _SPECIAL
        classes = (
            (given["lower"], given["minLower"], _LOWER),
            (given["upper"], given["minUpper"], _UPPER),
            (given["numeric"], given["minNumeric"], _DIGITS),
            (given["special"], given["minSpecial"], special),
        )
        everything = "".join(characters for wanted, _, characters in classes if wanted)
        chosen = [
            secrets.choice(characters) for _, least, characters in classes for _ in range(least)
        ]
        chosen += [secrets.choice(everything) for _ in range(given["length"] - len(chosen))]
        _SYSTEM.shuffle(chosen)
        result = "".join(chosen)
        return result, {"result": result}

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        return {"length": len(id)}, id, {"result": id}


@dataclass(frozen=True)
class _Password(_String):
    outputs: tuple[str, ...] = ("result", "bcryptHash")
    secret: frozenset[str] = frozenset(("result", "bcryptHash"))
    schema_version: int = 3

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        _, outputs = super().make(given)
        return "none", {**outputs, "bcryptHash": _bcrypt(outputs["result"])}

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        outputs = {"result": id, "bcryptHash": _bcrypt(id)}
        return {"length": len(id)}, "none", outputs


@dataclass(frozen=True)
class _Bytes(RandomKind):
    inputs: Mapping[str, type] = field(default_factory=lambda: {"keepers": dict, "length": int})
    outputs: tuple[str, ...] = ("base64", "hex")
    required: tuple[str, ...] = ("length",)
    minimum: Mapping[str, int] = field(default_factory=lambda: {"length": 1})
    secret: frozenset[str] = frozenset(("base64", "hex"))

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        return "none", self._outputs(secrets.token_bytes(given["length"]))

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        try:
            content = base64.b64decode(id, validate=True)
        except binascii.Error:
            raise ProviderError("a RandomBytes is imported by its base64 text") from None
        return {"length": len(content)}, "none", self._outputs(content)

    @staticmethod
    def _outputs(content: bytes) -> dict[str, Any]:
        return {"base64": base64.b64encode(content).decode(), "hex": content.hex()}


@dataclass(frozen=True)
class _Id(RandomKind):
    inputs: Mapping[str, type] = field(
        default_factory=lambda: {"keepers": dict, "byteLength": int, "prefix": str}
    )
    outputs: tuple[str, ...] = ("b64Std", "b64Url", "dec", "hex")
    required: tuple[str, ...] = ("byteLength",)
    minimum: Mapping[str, int] = field(default_factory=lambda: {"byteLength": 1})

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        return self._outputs(secrets.token_bytes(given["byteLength"]), given.get("prefix") or "")

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        prefix, _, text = id.rpartition(",")
        try:
            content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            raise ProviderError(
                "a RandomId is imported by its b64Url text, or PREFIX,B64URL"
            ) from None
        inputs: dict[str, Any] = {"byteLength": len(content)}
        if prefix:
            inputs["prefix"] = prefix
        return inputs, *self._outputs(content, prefix)

    @staticmethod
    def _outputs(content: bytes, prefix: str) -> tuple[str, dict[str, Any]]:
        url = base64.urlsafe_b64encode(content).decode().rstrip("=")
        return url, {
            "b64Url": prefix + url,
            "b64Std": prefix + base64.b64encode(content).decode(),
            "hex": prefix + content.hex(),
            "dec": prefix + str(int.from_bytes(content, "big")),
        }


@dataclass(frozen=True)
class _Pet(RandomKind):
    inputs: Mapping[str, type] = field(
        default_factory=lambda: {"keepers": dict, "length": int, "prefix": str, "separator": str}
    )
    outputs: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"length": 2, "separator": "-"})
    minimum: Mapping[str, int] = field(default_factory=lambda: {"length": 1})

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        words = [secrets.choice(ADVERBS) for _ in range(given["length"] - 2)]
        if given["length"] > 1:
            words.append(secrets.choice(ADJECTIVES))
        words.append(secrets.choice(NAMES))
        if given.get("prefix"):
            words.insert(0, given["prefix"])
        return given["separator"].join(words), {}


@dataclass(frozen=True)
class _Integer(RandomKind):
    inputs: Mapping[str, type] = field(
        default_factory=lambda: {"keepers": dict, "min": int, "max": int, "seed": str}
    )
    outputs: tuple[str, ...] = ("result",)
    required: tuple[str, ...] = ("min", "max")

    def check(self, given: Mapping[str, Any]) -> Failures:
        low, high = given["min"], given["max"]
        if not has_unknown([low, high]) and low > high:
            return [("min", f"must not be above max: min is {low}, max is {high}")]
        return []

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        result = _generator(given.get("seed")).randint(given["min"], given["max"])
        return str(result), {"result": result}

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        parts = id.split(",")
        try:
            result, low, high = (int(part) for part in parts[:3])
        except ValueError:
            raise ProviderError("a RandomInteger is imported by RESULT,MIN,MAX[,SEED]") from None
        inputs: dict[str, Any] = {"min": low, "max": high}
        if len(parts) > 3:
            inputs["seed"] = parts[3]
        return inputs, str(result), {"result": result}


@dataclass(frozen=True)
class _Uuid(RandomKind):
    inputs: Mapping[str, type] = field(default_factory=lambda: {"keepers": dict})
    outputs: tuple[str, ...] = ("result",)

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        result = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        return result, {"result": result}

    def load(self, id: str) -> tuple[dict[str, Any], str, dict[str, Any]]:
        try:
            result = str(uuid.UUID(id))
        except ValueError:
            raise ProviderError("a UUID is imported by itself, and this is none") from None
        return {}, result, {"result": result}


@dataclass(frozen=True)
class _Uuid7(_Uuid):
    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        # RFC 9562: 48 bits of milliseconds, version, variant, the rest random.
        milliseconds = time.time_ns() // 1_000_000
        content = milliseconds.to_bytes(6, "big") + secrets.token_bytes(10)
        number = int.from_bytes(content, "big")
        number = number & ~(0xF << 76) | 0x7 << 76
        number = number & ~(0x3 << 62) | 0x2 << 62
        result = str(uuid.UUID(int=number))
        return result, {"result": result}


@dataclass(frozen=True)
class _Shuffle(RandomKind):
    inputs: Mapping[str, type] = field(
        default_factory=lambda: {
            "keepers": dict,
            "inputs": list,
            "resultCount": int,
            "seed": str,
        }
    )
    outputs: tuple[str, ...] = ("results",)
    required: tuple[str, ...] = ("inputs",)
    minimum: Mapping[str, int] = field(default_factory=lambda: {"resultCount": 0})

    def make(self, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        items: Sequence[Any] = given["inputs"]
        count = given.get("resultCount")
        count = len(items) if count is None else count
        generator = _generator(given.get("seed"))
        results: list[Any] = []
        # More results than inputs: every input once more, in a new order.
        while items and len(results) < count:
            results += generator.sample(items, len(items))
        return "-", {"results": results[:count]}


KINDS: Final[Mapping[str, RandomKind]] = {
    "random:index/randomBytes:RandomBytes": _Bytes(),
    "random:index/randomId:RandomId": _Id(),
    "random:index/randomInteger:RandomInteger": _Integer(),
    "random:index/randomPassword:RandomPassword": _Password(),
    "random:index/randomPet:RandomPet": _Pet(),
    "random:index/randomShuffle:RandomShuffle": _Shuffle(),
    "random:index/randomString:RandomString": _String(),
    "random:index/randomUuid:RandomUuid": _Uuid(),
    "random:index/randomUuid4:RandomUuid4": _Uuid(),
    "random:index/randomUuid7:RandomUuid7": _Uuid7(),
}


def _generator(seed: str | None) -> Random:
    return Random(seed) if seed else _SYSTEM  # noqa: S311 (a seed asks for the same again)


def _bcrypt(text: str) -> str:
    import bcrypt

    # bcrypt reads 72 bytes; the real provider cuts there too.
    return bcrypt.hashpw(text.encode()[:_BCRYPT_BYTES], bcrypt.gensalt(rounds=10)).decode()
