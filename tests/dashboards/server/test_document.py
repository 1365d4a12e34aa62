"""The document of every page, and the status of an address that names none."""

import pytest

from rollmill.dashboards.server.document import page_of
from rollmill.dashboards.server.menu import titles_by_path

TOLD = b"BACKEND_BASE_URL: window.location.origin + '/'"


@pytest.mark.parametrize("path", ["/", "/home", "/new", "/runs", "/explore", "/overview", "/budgets"])
def test_a_page_gets_the_document_which_knows_where_its_server_is(path: str) -> None:
    answer = page_of(path)
    assert answer is not None
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    document = bytes(answer.body)
    assert (
        document.index(b"rollmill.") < document.index(TOLD) < document.index(b"<script type=")
    )  # read when Streamlit's own script begins


@pytest.mark.parametrize("path", ["/nonexistent", "/Runs", "/<script>", "/..", "/a\0b", "/café"])
def test_an_address_without_a_page_gets_the_document_with_status_404(path: str) -> None:
    answer = page_of(path)
    assert answer is not None
    assert answer.status_code == 404
    assert TOLD in bytes(answer.body)


def test_a_longer_address_is_answered_in_words() -> None:
    answer = page_of("/runs/42")
    assert answer is not None
    assert (answer.status_code, answer.media_type) == (404, "text/plain")
    assert bytes(answer.body).decode() == (
        f"rollmill dashboard: unknown page 'runs/42'. Did you mean 'runs'? Valid: {', '.join(sorted(titles_by_path()))}. "
        "Next: open / on this host\n"
    )
    assert {"home", "new", "runs"} <= set(titles_by_path())


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/health",
        "/_stcore/agent/none",
        "/static/js/index.js",
        "/media/1.png",
        "/component/a/b",
        "/exported/k/a.csv",
        "/favicon.png",
        "/runs/",  # Streamlit leads to /runs
    ],
)
def test_other_addresses_are_streamlits(path: str) -> None:
    assert page_of(path) is None
