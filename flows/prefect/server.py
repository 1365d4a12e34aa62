"""Prefect's server as a process of its own, and the environment variables that point Prefect at it and at its home.

Run as `python -m rollmill.flows.prefect.server --fd N --parent PID [--services]`: the API on an inherited listening socket,
ended with its parent. Prefect reads its settings once, at its first import, so nothing here imports it before they are set.

The server answers who brings the secret of this start: our own processes, which have it in their environment, and a browser
that opened the address with it. Its database can name code to run, so nobody else may write there, or read.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.flows.prefect.untrusted import LOGGING, PROFILES
from rollmill.pipelines.processes.child import die_with_parent
from rollmill.pipelines.processes.spawn import python_path

if TYPE_CHECKING:
    from starlette.types import Scope

QUIET = {
    # Nothing is sent to anybody, and no page asks for an account.
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # A server of Prefect's own making would add seconds to each flow, schedule nothing and outlive a killed command.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",  # what is news in a run's page is none in a terminal
    "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "PREFECT_CLI_PROMPT": "false",
}

# For a command whose stages run in its own process. The server is on the loopback and ours: one that does not answer is
# dead or stuck, and what it would have written down is in the ledger. What fails is raised: Prefect's own logger would say
# it twice, and that of the product goes to the flow run's page.
ONE_SHOT = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_CLIENT_MAX_RETRIES": "0",
    "PREFECT_API_REQUEST_TIMEOUT": "10",
}


SECRET = "ROLLMILL_PREFECT_SECRET"  # noqa: S105 - the environment variable with the secret of our server
COOKIE = "rollmill-prefect-"
DESCRIPTIONS = ("/openapi.json", "/docs", "/redoc")  # of Prefect's API: made anew, in seconds, for each request
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)  # Prefect's pages load nothing of another host and send nothing there
OURS = "ROLLMILL_PREFECT"  # holds a PREFECT_API_URL that is ours, so that a child does not take it for the user's


def user_prefect_url() -> str:
    """The address of a user's own Prefect server or Cloud workspace (PREFECT_API_URL); empty if they have none."""
    url = os.environ.get("PREFECT_API_URL", "")
    return "" if url == os.environ.get(OURS) else url.rstrip("/")


def user_prefect_environment(**extra: str) -> dict[str, str]:
    """The variables for a user's own server: theirs, with its key and its home, and ours where they say nothing."""
    theirs = {key: value for key, value in os.environ.items() if key.startswith("PREFECT_")}
    return {**QUIET, **extra, **theirs, "PREFECT_RUNNER_SERVER_ENABLE": "false"}  # it would start any run for anybody


def environment(home: Path, port: int, secret: str, **extra: str) -> dict[str, str]:
    """The variables that point Prefect at our home and our server on `port` of the loopback, which asks for the secret."""
    url = f"http://127.0.0.1:{port}/api"
    return {
        **QUIET,
        "PREFECT_HOME": str(home),
        # Files that cannot exist: a home that came with a clone may have both, and Prefect would read them.
        "PREFECT_PROFILES_PATH": str(PROFILES),
        "PREFECT_LOGGING_CONFIG_PATH": str(LOGGING),
        "PREFECT_MEMO_STORE_PATH": str(home / "memo_store.toml"),
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "storage"),
        # Kept in the home: a server that is started again knows who holds the places of deployments.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_API_URL": url,
        # Sent with each request, and with the opening of each WebSocket.
        "PREFECT_CLIENT_CUSTOM_HEADERS": json.dumps({"Authorization": f"Bearer {secret}"}),
        **_without_proxy(),
        OURS: url,
        SECRET: secret,
        **extra,
    }


def _without_proxy() -> dict[str, str]:
    """The variables that keep requests to the loopback, which hold the secret, away from a proxy."""
    known = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    names = [name for name in known.split(",") if name]
    text = ",".join([*names, *(name for name in ("127.0.0.1", "localhost") if name not in names)])
    return {"no_proxy": text, "NO_PROXY": text}


def child_environment(settings: dict[str, str]) -> dict[str, str]:
    """Our environment with other PREFECT_* variables left out and these settings in; our packages come first."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return {**inherited, "PYTHONPATH": python_path(inherited.get("PYTHONPATH")), **settings}


def apply(settings: dict[str, str]) -> None:
    """Make these the settings of this process, and no other PREFECT_* variables: those would send runs elsewhere."""
    for key in [key for key in os.environ if key.startswith("PREFECT_")]:
        del os.environ[key]
    os.environ.update({key: value for key, value in settings.items() if key != SECRET})  # that one is the server's alone


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

    from rollmill.pipelines.processes.connections import bound
    from rollmill.pipelines.processes.local_server import PAGE_HEADERS, LocalGuard

    app = create_app(webserver_only=not options.services, final=True)
    bound()
    advice = "open the address that `rollmill up` prints."
    headers = {**PAGE_HEADERS, "Content-Security-Policy": POLICY}
    guarded = LocalGuard(app, os.environ.pop(SECRET), cookie=COOKIE, open_to=is_open, headers=headers, advice=advice)
    uvicorn.run(guarded, fd=options.fd, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


def is_open(scope: "Scope") -> bool:
    """True for the check that the server answers and for the files of its pages, whose data all comes from the API.

    A page that a person opens without the secret is not open: it says where the secret is. One that another site's link
    leads to is, because a browser brings the cookie only with the page's own requests then.
    """
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    if scope["path"].startswith(DESCRIPTIONS):
        return False
    if "api" in scope["path"].split("/"):
        return bool(scope["path"] == "/api/health")
    headers = dict(scope["headers"])
    return not (headers.get(b"sec-fetch-dest") == b"document" and headers.get(b"sec-fetch-site", b"none") == b"none")


if __name__ == "__main__":
    main(sys.argv[1:])
