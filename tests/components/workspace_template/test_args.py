from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from components.errors import ArgsError
from components.programs import Program
from components.workspace_template.args import (
    AutoStop,
    GroupAccess,
    Schedule,
    WorkspaceTemplateArgs,
)
from components.workspace_template.values import SizeChoice, Sizes
from components.workspace_template.wiring import Firewall, ModuleVersions, ProviderVersions

IN_IMAGE = Program(path="/opt/boundary")
Make = Callable[..., WorkspaceTemplateArgs]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "fire_walled"}, "groups joined by single hyphens"),
        ({"name": "a--b"}, "groups joined by single hyphens"),
        ({"name": "-a"}, "groups joined by single hyphens"),
        ({"name": "a\n"}, "groups joined by single hyphens"),
        ({"name": "x" * 33}, "up to 32 characters"),
        ({"display_name": "x" * 65}, "longer than 64"),
        ({"stack": ".."}, "no stack name"),
        ({"stack": "a/b"}, "no stack name"),
        ({"namespace": "Coder"}, "no Kubernetes namespace"),
        ({"image": "spaces in it"}, "no image reference"),
        ({"image": ""}, "no image reference"),
        ({"gitlab_external_auth_id": "git lab"}, "no id of coderd"),
        ({"max_port_share_level": "everyone"}, "owner, authenticated, organization, public"),
        ({"agents_allowed": "Isolated"}, "is not True, False or isolated"),
        ({"firewall": Firewall(" \n")}, "configuration is empty"),
        ({"firewall": Firewall("a: 1", jail_type="chroot")}, "landjail, nsjail"),  # type: ignore[arg-type]
        ({"provider_versions": ProviderVersions(coder="2.12.9")}, "not 2.13.0 or newer"),
        ({"provider_versions": ProviderVersions(kubernetes=">= 3")}, "not 2.23.0 or newer"),
        ({"firewall": Firewall("a: 1", no_user_namespace=True)}, "for the jail nsjail alone"),
        ({"firewall": Firewall("a: 1", seccomp_unconfined=True)}, "for the jail nsjail alone"),
        (
            {"firewall": Firewall("use_real_dns: true\n", "nsjail", boundary_version="v0.6.0")},
            "use_real_dns needs Boundary v0.7.0",
        ),
        ({"description": "x" * 128}, "longer than 127 characters"),
        ({"image": "foo@bar"}, "is no image reference"),
        ({"firewall": Firewall("a: 1", boundary_version="main")}, "no release such as v0.9.0"),
        ({"sizes": Sizes(cpu=SizeChoice((0, 2), 2))}, "not whole numbers above zero"),
        ({"sizes": Sizes(cpu=SizeChoice((), 2))}, "cpu options"),
        ({"sizes": Sizes(memory=SizeChoice((4, 4), 4))}, "name a size twice"),
        (
            {"sizes": Sizes(disk_size=SizeChoice((10, 20), 50))},
            "disk_size default 50 must be one of the options",
        ),
        ({"module_versions": ModuleVersions(claude_code="5.3.9")}, "5.4.0 or a later 5"),
        ({"module_versions": ModuleVersions(claude_code="6.0.0")}, "5.4.0 or a later 5"),
        ({"module_versions": ModuleVersions(claude_code="5.4.0")}, "module 5 has no Tasks"),
        ({"claude_program": IN_IMAGE}, "has to end in /claude"),
        ({"firewall": Firewall("a: 1", program=IN_IMAGE)}, "GitHub's Boundary alone"),
        ({"module_versions": ModuleVersions(claude_code="4.6.9")}, "4.7.0 or a later 4"),
        ({"module_versions": ModuleVersions(code_server="~> 1.3")}, "no version such as"),
        ({"access": (GroupAccess("a"), GroupAccess("a", "admin"))}, "'a' has two roles"),
        ({"access": (GroupAccess(""),)}, "a group has no id"),
        ({"access": (GroupAccess("a", "owner"),)}, "neither admin nor use"),  # type: ignore[arg-type]
        ({"schedule": Schedule(default_ttl=timedelta(hours=-1))}, "zero or more"),
        ({"schedule": Schedule(failure_ttl=timedelta(microseconds=1))}, "milliseconds"),
        ({"schedule": Schedule(delete_dormant_after=timedelta(1))}, "needs dormant_after"),
        ({"schedule": Schedule(auto_stop=AutoStop(("sunday",), 17))}, "from 1 to 16"),
        ({"schedule": Schedule(auto_stop=AutoStop(("sun",)))}, "'sun' is no day"),  # type: ignore[arg-type]
        ({"schedule": Schedule(auto_start_days=("Monday",))}, "'Monday' is no day"),  # type: ignore[arg-type]
        ({"agent_variables": {"GITLAB_TOKEN": "x"}}, "GITLAB_TOKEN names a credential"),
    ],
)
def test_refused(template_args: Make, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgsError, match=message) as caught:
        template_args(**given)
    assert str(caught.value).startswith("template ")


def test_every_problem_at_once(template_args: Make) -> None:
    with pytest.raises(ArgsError) as caught:
        template_args(name="a_b", namespace="A", agent_variables={"PROXY_PORT": "1"})
    assert len(caught.value.problems) == 3


def test_image_by_digest_and_private_registry(template_args: Make) -> None:
    for image in (
        "registry.example.gov:5000/team/base:1.2",
        "codercom/enterprise-base@sha256:" + "0" * 64,
    ):
        assert template_args(image=image).image == image
