"""An output of another resource is taken where it may be, and refused by name elsewhere."""

import typing
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from pydantic.alias_generators import to_camel

from components import package
from components.errors import ArgsError
from components.package.coder import CoderdEnvironment
from components.package.inputs import SDK_NAMES, known, takes_output
from tests.components.package.test_components import MADE, TEMPLATE
from tests.components.package.test_schema import PAIRS, fields, inner
from tests.components.recording import record

COMPONENTS = {f"{each.__name__}Inputs": each for each in package.COMPONENTS}


def plain(hint: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each place of a type that takes no output, and a value that has one there."""
    if takes_output(hint):
        return
    yield at, LATER
    if typing.is_typeddict(hint):
        for name, each in typing.get_type_hints(hint, localns=SDK_NAMES).items():
            for place, value in plain(each, f"{at}.{to_camel(name)}" if at else to_camel(name)):
                yield place, {name: value}
    elif typing.get_origin(hint) is list:
        for place, value in plain(typing.get_args(hint)[0], f"{at}[0]"):
            yield place, [value]
    elif typing.get_origin(hint) is dict:
        for place, value in plain(typing.get_args(hint)[1], f"{at}.K"):
            yield place, {"K": value}


LATER = object()
"""Stands for an output, which needs a run."""


def with_output(value: Any, output: pulumi.Output[Any]) -> Any:
    if isinstance(value, dict):
        return {name: with_output(each, output) for name, each in value.items()}
    if isinstance(value, list):
        return [with_output(each, output) for each in value]
    return output if value is LATER else value


@pulumi.runtime.test
@pytest.mark.parametrize("inputs", PAIRS, ids=lambda kind: kind.__name__)
def test_an_output_where_none_is_taken_is_refused_by_name_before_all_else(inputs: Any) -> None:
    output = pulumi.Output.secret("s3cret")
    component = COMPONENTS[inputs.__name__]
    places = [each for each in plain(inputs) if each[0]]
    assert places
    for place, value in places:
        with pytest.raises(ArgsError) as caught:
            component("x", with_output(value, output))
        assert caught.value.problems[0].startswith(f"{place}: has to be known before")
        assert "s3cret" not in str(caught.value)


@pulumi.runtime.test
def test_every_output_is_named_at_once() -> None:
    output = pulumi.Output.from_input("x")
    firewall = {"coder_url": output, "gitlab_hosts": ["a", output], "rules": [{"rule": output}]}
    with pytest.raises(ArgsError) as caught:
        known(
            package.workspace_template.WorkspaceTemplateInputs,
            {**TEMPLATE, "image": output, "icon": output, "firewall": firewall},
        )
    told = sorted(each.partition(":")[0] for each in caught.value.problems)
    assert told == [
        "firewall.coderUrl",
        "firewall.gitlabHosts[1]",
        "firewall.rules[0].rule",
        "image",
    ]


def narrower(inputs: Any, args: Any, at: str = "") -> Iterator[str]:
    """Yield what is asked for as an input and taken as a value alone."""
    asked, taken = fields(inputs), fields(args)
    for name in asked.keys() & taken.keys():
        (ask, _), (take, _) = asked[name], taken[name]
        if takes_output(ask):
            if not takes_output(take):
                yield f"{at}{name}"
        elif deeper := inner(ask):
            yield from narrower(deeper, inner(take), f"{at}{name}.")


@pytest.mark.parametrize("inputs", PAIRS, ids=lambda kind: kind.__name__)
def test_the_args_take_every_output_that_is_asked_for(inputs: Any) -> None:
    assert list(narrower(inputs, PAIRS[inputs])) == []


@pytest.mark.parametrize("whole", [False, True])
def test_a_variable_whose_name_is_told_later_is_set_once_it_is_known(*, whole: bool) -> None:
    def program() -> dict[str, pulumi.Output[Any]]:
        variable: Any = {"name": pulumi.Output.from_input("B"), "value": "1", "secret": True}
        told = pulumi.Output.from_input(variable) if whole else variable
        made = CoderdEnvironment("env", {"namespace": "c", "secret_name": "s", "variables": [told]})
        return {"names": made.names}

    recorder, outputs = record(program, MADE)
    assert outputs["names"] == ["B"]
    (secret,) = recorder.of("Secret")
    assert "B" in str(secret["data"])
