"""Admission to the pages: only the browser of the user who opened the printed address sees and changes the workspace.

The address carries the token of this start. A browser keeps two secrets that follow from it. The cookie opens files and
downloads; browsers send cookies to every port of a host, so another user's server on this machine may come to know it.
The page secret opens the WebSocket, through which all data and all clicks go. The script of the document keeps it in the
storage of the page's own origin, which no other port can read.
"""

import hmac
import os

from rollmill.pipelines.processes.local_server import same

TOKEN = os.environ.pop("ROLLMILL_TOKEN", "")  # empty: nobody sees anything
READ_ONLY = bool(os.environ.pop("ROLLMILL_READ_ONLY", ""))
COOKIE = "rollmill-"  # and the port: cookies do not tell ports apart
PROTOCOL = "rollmill."  # before the page secret, among the WebSocket's subprotocols


def cookie_secret() -> str:
    """Value of the cookie."""
    return _derived("cookie")


def page_secret() -> str:
    """Secret that opens the WebSocket."""
    return _derived("page")


def is_page_secret(given: str) -> bool:
    """True for the page secret of this start."""
    return same(given, page_secret())


def _derived(purpose: str) -> str:
    """A secret from which neither the token nor another secret follows; empty without a token."""
    return hmac.new(TOKEN.encode(), purpose.encode(), "sha256").hexdigest() if TOKEN else ""
