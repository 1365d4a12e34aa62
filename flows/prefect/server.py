"""The server process: Prefect's API on an inherited listening socket, ended with its parent.

Run as `python -m flows.prefect.server --fd N --parent PID [--services]`. Knows no workspace; its home is in its
environment.
"""

import argparse
import sys

from pipelines.processes.child import die_with_parent


def main(arguments: list[str]) -> None:
    """Serve until a signal or the parent's death."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--services", action="store_true", help="run the scheduler and the other background services")
    options = parser.parse_args(arguments)
    die_with_parent(options.parent)
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(webserver_only=not options.services, final=True)
    uvicorn.run(app, fd=options.fd, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main(sys.argv[1:])
