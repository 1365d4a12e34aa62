"""What of Prefect's server is open without its secret: the check that it answers, and the files of its pages."""

import pytest

from rollmill.flows.prefect.server import is_open


def asked(path: str, method: str = "GET", kind: str = "http", **headers: str) -> bool:
    rows = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return is_open({"type": kind, "method": method, "path": path, "headers": rows})


@pytest.mark.parametrize("path", ["/api/health", "/", "/assets/index.js", "/ui-settings", "/runs/flow-run/1"])
def test_the_check_and_the_files_of_the_pages_are_open(path: str) -> None:
    assert asked(path)
    assert not asked(path, method="POST")
    assert not asked(path, kind="websocket")


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/health/", "/api/flows", "//api/flows", "/x/../api/flows", "/v2/api/x"]
)
def test_no_path_of_the_api_is_open(path: str) -> None:
    assert not asked(path)


@pytest.mark.parametrize(
    ("site", "opens"), [("none", False), ("same-origin", True), ("cross-site", True), ("same-site", True)]
)
def test_a_page_that_a_person_opens_asks_for_the_secret_and_one_that_a_link_opens_loads(site: str, opens: bool) -> None:
    assert asked("/runs", sec_fetch_dest="document", sec_fetch_site=site) is opens
