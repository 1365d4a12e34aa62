"""`rollmill dashboard`: the Streamlit pages on this workspace, on the loopback only. Knows how to start them."""

import os
import sys
from typing import Annotated

import typer

from flows import CHECKOUT
from flows.cli.output import DryRun, line
from storage.errors import SetupError

APP = CHECKOUT / "dashboards" / "app.py"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("dashboard")(dashboard)


def dashboard(  # noqa: RET503 (it becomes the other program)
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The loopback port.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser window.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Browse runs, datasets, problems and difficulty; works while a run writes. Ctrl-C ends it.

    Example: rollmill dashboard --port 8600
    """
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        root = workspace.root
    if not APP.exists():
        raise SetupError("this checkout has no dashboard (dashboards/app.py).")
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "false" if browser else "true",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "server.fileWatcherType": "none",
    }
    command = [
        sys.executable,
        "-P",
        "-m",
        "streamlit",
        "run",
        str(APP),
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    if dry_run:
        return line(" ".join(command))
    line(f"http://127.0.0.1:{port}   (Ctrl-C ends it)")
    sys.stdout.flush()
    os.environ["ROLLMILL_WORKSPACE"] = str(root)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(APP.parents[1]), os.environ.get("PYTHONPATH", "")]))
    os.execv(sys.executable, command)  # noqa: S606 - this very interpreter, arguments of our own
