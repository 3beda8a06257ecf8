"""Gets the plugins of the stack `local`, and says where each is from."""

from local import providers
from toolchain import engine, plugins, tools

if __name__ == "__main__":
    try:
        tools.report(plugins.summary(providers.locate(engine.find, tools.report)))
    except tools.ToolError as error:
        raise SystemExit(str(error)) from None
