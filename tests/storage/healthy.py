"""A server that answers as Prefect's does: for tests of what is said of the standing server."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread


class Healthy(BaseHTTPRequestHandler):
    """Answers as a Prefect server does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (the name of the base class)
        pass


@contextmanager
def answering() -> Iterator[int]:
    """The port of such a server."""
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
