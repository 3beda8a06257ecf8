"""Stands in for Pulumi's Python language host, as far as it runs components of a package.

`python -m local.python_host ENGINE`: prints the port on which it serves, as the engine expects of
`pulumi-language-python`. That one is in no package index and no module of Go's proxy. As in it
(pulumi 3.259, sdk/python/cmd/pulumi-language-python and sdk/python/toolchain), a plugin has a
virtual environment of its own, `venv` in its folder if not said otherwise, which is made and
filled by pip when it is not there, and the plugin is its folder's `__main__.py`. Programs in
Python are not run by it: the Automation API serves those itself.
"""
# ruff: noqa: D102 (the methods of the service are described in the protocol)

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from toolchain.tools import PULUMI_VERSION

_MOST_BYTES = 64 * 1024


class PythonHost(language_pb2_grpc.LanguageRuntimeServicer):
    """The part of the protocol that the engine needs for a plugin written in Python."""

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=PULUMI_VERSION)

    def InstallDependencies(
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        folder = Path(request.info.program_directory)
        python = _python(request.info)
        commands = []
        if not python.exists():
            # The pip that is here installs for another Python too; one of its own takes seconds.
            commands.append([sys.executable, "-m", "venv", "--without-pip", str(python.parents[1])])
        if (folder / "requirements.txt").exists():
            pip = [sys.executable, "-m", "pip", "--python", str(python)]
            commands.append([*pip, "install", "-r", "requirements.txt"])
        for command in commands:
            done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
            yield language_pb2.InstallDependenciesResponse(stdout=done.stdout, stderr=done.stderr)
            if done.returncode != 0:
                context.abort(
                    grpc.StatusCode.UNKNOWN,
                    f"installing dependencies via '{' '.join(command)}': "
                    f"exit status {done.returncode}",
                )

    def RunPlugin(
        self, request: Any, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        folder = Path(request.info.program_directory)
        if not (folder / "__main__.py").exists():
            context.abort(
                grpc.StatusCode.UNKNOWN,
                "plugin is not runnable, it provides neither __main__.py nor a buildable "
                "pyproject.toml",
            )
        output, theirs = os.pipe()
        process = subprocess.Popen(
            [str(_python(request.info)), str(folder), *request.args],
            cwd=request.pwd,
            env=dict(each.split("=", 1) for each in request.env),
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.STDOUT,
        )
        os.close(theirs)
        # The engine ends a plugin by ending the call.
        context.add_callback(process.kill)
        while said := os.read(output, _MOST_BYTES):
            yield language_pb2.RunPluginResponse(stdout=said)
        os.close(output)
        yield language_pb2.RunPluginResponse(exitcode=process.wait())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()


def _python(info: Any) -> Path:
    """Return the interpreter of a plugin's own environment."""
    named = dict(info.options).get("virtualenv") or "venv"
    return Path(info.root_directory) / str(named) / "bin" / "python"


def main() -> None:
    """Serve until the engine goes."""
    server = grpc.server(futures.ThreadPoolExecutor(16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(PythonHost(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201  what the engine reads
    parent = os.getppid()
    # The engine interrupts it, or is gone.
    with suppress(KeyboardInterrupt):
        while os.getppid() == parent:
            time.sleep(1)
    server.stop(None)


if __name__ == "__main__":
    main()
