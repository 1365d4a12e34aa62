"""How a server is reached beyond its address: through a proxy of the environment, and which certificates are believed.

Knows no requests. Loopback is never reached through a proxy.
"""

import ipaddress
import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipelines.generate.http.failures import Failure
from pipelines.generate.http.settings import Server


def proxy_of(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    listed = urllib.request.getproxies()
    found = listed.get(parts.scheme, listed.get("all"))
    return found if found and urlsplit(found).scheme in ("http", "https") else None


def tls_of(server: Server) -> Mapping[str, Any]:
    """The request's option for a server with certificates of its own; Failure where their file is none."""
    if server.ca_file is None:
        return {}
    try:
        return {"ssl": ssl.create_default_context(cafile=server.ca_file)}
    except (OSError, ssl.SSLError) as error:
        raise Failure("tls", f"ca_file {server.ca_file}: {error.strerror or error}", again=False) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
