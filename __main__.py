"""The program: a stack's settings in, its resources declared, its outputs out."""

import json
from pathlib import Path

import pulumi

from components.errors import ArgsError
from components.settings import network
from components.settings.load import from_engine
from components.settings.model import Settings
from components.settings.problems import SettingsError
from program.declare import cluster, coder, declare
from program.look import look
from program.plan import plan
from program.settle import settled

STACK = pulumi.get_stack()


async def main() -> None:
    """Declare the stack; raises pulumi.RunError, and nothing else, for wrong settings."""
    try:
        project = Path(pulumi.get_root_directory())
        settings = from_engine(STACK, project)
        warn(settings)
        known = look(STACK, settings)
        args = plan(STACK, settings, known, project)
        on_cluster = pulumi.ResourceOptions(providers=[cluster(settings)])
        on_coder = pulumi.ResourceOptions(providers=[coder(settings)])
        for name, value in (await declare(args, on_cluster, on_coder)).items():
            pulumi.export(name, value)
        # No resource has them, and a review says when they change. One text: plain pulumi shows it.
        pulumi.export("guards", json.dumps(settings.guards()))
    except (SettingsError, ArgsError) as error:
        raise pulumi.RunError(str(error)) from None
    await settled()


def warn(settings: Settings) -> None:
    """Say what is doubtful in the stack's own rules, what floats, and that the firewall is off."""
    for doubt in (*settings.findings(), *settings.floating()):
        pulumi.log.warn(str(doubt))
    if settings.switched_off:
        pulumi.log.warn(f"the firewall is off: {settings.switched_off}")
    if why := network.without_policy(settings):
        pulumi.log.warn(f"there is no network policy: {why}")


pulumi.run(main)
