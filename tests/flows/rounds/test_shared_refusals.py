"""Refusals that the rest of a run shares: with answers from an earlier command they are about their prompts."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import run_all
from rollmill.pipelines.generate.http.refusals import SharedRefusal
from tests.flows.rounds.together.http_child import http_spec
from tests.flows.rounds.toy import content, workspace
from tests.pipelines.generate.http.serving import Serving, status

pytestmark = pytest.mark.integration

RISK = status(400, '{"error": {"message": "Content Exists Risk"}}')


def test_what_is_left_of_an_answered_run_may_all_be_refused(tmp_path: Path) -> None:
    def broken(number: int, _: Any) -> Any:
        return status(401) if number >= 100 else None

    with Serving(broken) as server, workspace(tmp_path) as ws:
        with http_spec([server.url], 300).open(ws) as run, pytest.raises(Exception, match="refuses the key"):
            run_all(run)
        stored = len(content(ws)["completions"])
        server.script = lambda *_: RISK
        with http_spec([server.url], 300).open(ws) as run:
            run_all(run)
        rows = content(ws)["completions"]
        assert stored < len(rows)


def test_a_run_that_was_never_answered_ends(tmp_path: Path) -> None:
    with Serving(lambda *_: RISK) as server, workspace(tmp_path) as ws:
        with http_spec([server.url], 300).open(ws) as run, pytest.raises(SharedRefusal, match="Content Exists Risk"):
            run_all(run)
        assert content(ws)["completions"] == []
