"""The systemd unit that starts a workspace's services after a reboot."""

import os
import re
import sys
from pathlib import Path

from rollmill.ground.files import own_folder
from rollmill.pipelines.processes.spawn import module_command
from rollmill.places import IMPORT_ROOT

HOMES = ("XDG_STATE_HOME", "XDG_CONFIG_HOME")

TEMPLATE = """\
# Written by `rollmill up --systemd`. It starts what the workspace needs in the background when the machine starts, and
# again when it fails: Prefect's server, the schedules, the dashboard. Schedules lie in {state}/schedules.json.
#
#   systemctl --user enable --now {path}
#   loginctl enable-linger        # so that it runs while you are logged out
#   journalctl --user -u {name}   # what it says; the address of the dashboard: rollmill up
#
# Keys of model servers, webhooks and PREFECT_API_URL belong into {variables}, which only you should
# read (chmod 600), one NAME=value a line. No file in the folder is read: it may have come from somebody else.
[Unit]
Description=Rollmill: schedules and dashboard of {root}
After=network.target

[Service]
Type=exec
WorkingDirectory={root}
Environment={environment}
EnvironmentFile=-{variables}
ExecStartPre=/bin/mkdir -p {folder}
ExecStart={command}
Restart=on-failure
RestartSec=10
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""


def unit_file(state: Path) -> Path:
    """Path of a workspace's unit file, named after the workspace."""
    return state / f"rollmill-{re.sub(r'[^A-Za-z0-9]+', '-', state.parent.name).strip('-') or 'workspace'}.service"


def variables_file() -> Path:
    """The person's file with environment variables of the service."""
    return own_folder("XDG_CONFIG_HOME", ".config") / "up.env"


def unit(state: Path, port: int, pages: int, runs: int) -> str:
    """The unit's text."""
    verb = ["up", "--foreground", "--port", str(port), "--dashboard", str(pages), "--runs", str(runs)]
    path = unit_file(state)
    variables = [("PYTHONPATH", IMPORT_ROOT), ("TMPDIR", state / "tmp")]
    # Else it looks elsewhere for the key of the schedules and for what the person trusts.
    variables += [(name, Path(os.environ[name])) for name in HOMES if os.environ.get(name)]
    return TEMPLATE.format(
        state=_inside(state),
        root=_inside(state.parent),
        variables=_inside(variables_file()),
        environment=" ".join(_quoted(f"{name}={value}", command=False) for name, value in variables),
        folder=_quoted(str(state / "tmp")),
        path=path,
        name=path.stem,
        command=" ".join(_quoted(word) for word in module_command("rollmill.flows.cli", *verb, python=sys.executable)),
    )


def _inside(path: Path) -> str:
    return str(path).replace("%", "%%")  # a single % begins a specifier of systemd


def _quoted(word: str, *, command: bool = True) -> str:
    """A word of ExecStart, or of Environment: % and, in a command, $ stand for themselves."""
    plain = word.replace("%", "%%").replace("$", "$$" if command else "$")
    return plain if re.fullmatch(r"[\w@%+=:,./-]+", plain) else '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
