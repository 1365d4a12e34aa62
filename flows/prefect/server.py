"""Prefect's server as a process of its own, and the environment variables that point Prefect at it and at its home.

Run as `python -m flows.prefect.server --fd N --parent PID [--services]`: the API on an inherited listening socket, ended
with its parent. Prefect reads its settings once, at its first import, so nothing here imports it before they are set.
"""

import argparse
import os
import sys
from pathlib import Path

from pipelines.processes.child import die_with_parent
from pipelines.processes.spawn import python_path

QUIET = {
    # Nothing is sent to anybody, and no page asks for an account.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # A server of Prefect's own making would add seconds to each flow, schedule nothing and outlive a killed command.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLI_PROMPT": "false",
}

# For a command whose stages run in its own process. The server is on the loopback and ours: one that does not answer is
# dead or stuck, and what it would have written down is in the ledger. What fails is raised; logs would say it twice.
ONE_SHOT = {
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_CLIENT_MAX_RETRIES": "0",
    "PREFECT_API_REQUEST_TIMEOUT": "10",
}


OURS = "ROLLMILL_PREFECT"  # holds a PREFECT_API_URL that is ours, so that a child does not take it for the user's


def user_prefect_url() -> str:
    """The address of a user's own Prefect server or Cloud workspace (PREFECT_API_URL); empty if they have none."""
    url = os.environ.get("PREFECT_API_URL", "")
    return "" if url == os.environ.get(OURS) else url.rstrip("/")


def user_prefect_environment(**extra: str) -> dict[str, str]:
    """The variables for a user's own server: theirs, with its key and its home, and ours where they say nothing."""
    theirs = {key: value for key, value in os.environ.items() if key.startswith("PREFECT_")}
    return {**QUIET, **extra, **theirs}


def environment(home: Path, port: int, **extra: str) -> dict[str, str]:
    """The variables that point Prefect at our home and our server on `port` of the loopback."""
    url = f"http://127.0.0.1:{port}/api"
    return {
        **QUIET,
        "PREFECT_HOME": str(home),
        "PREFECT_PROFILES_PATH": str(home / "profiles.toml"),
        "PREFECT_MEMO_STORE_PATH": str(home / "memo_store.toml"),
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_API_URL": url,
        OURS: url,
        **extra,
    }


def child_environment(settings: dict[str, str]) -> dict[str, str]:
    """Our environment with other PREFECT_* variables left out and these settings in; our packages come first."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return {**inherited, "PYTHONPATH": python_path(inherited.get("PYTHONPATH")), **settings}


def apply(settings: dict[str, str]) -> None:
    """Make these the settings of this process, and no other PREFECT_* variables: those would send runs elsewhere."""
    for key in [key for key in os.environ if key.startswith("PREFECT_")]:
        del os.environ[key]
    os.environ.update(settings)


def main(arguments: list[str]) -> None:
    """Serve until a signal or the parent's death."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--services", action="store_true", help="run the scheduler and the other background services")
    options = parser.parse_args(arguments)
    die_with_parent(options.parent)
    os.chdir(os.environ["PREFECT_HOME"])  # Prefect's migrations put the current folder in front of the import path
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(webserver_only=not options.services, final=True)
    uvicorn.run(app, fd=options.fd, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main(sys.argv[1:])
