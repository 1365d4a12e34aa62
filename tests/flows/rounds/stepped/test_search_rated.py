"""Searches that a rating server guides: every number is stored and paid for once, and a resumed run goes by the same."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import OpenRun, decide, run_all
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.flows.sampling.sample import RunSamplers
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.registry import built_engine
from rollmill.pipelines.search.processes.reward_model import RewardProcess
from rollmill.storage.rollouts import completions_by_id
from tests.flows.rounds.stepped.searching import search
from tests.flows.rounds.toy import rows_of, workspace
from tests.forked import Forked
from tests.pipelines.generate.http.serving import status
from tests.pipelines.search.rating import ChanceServer, settings, worth

pytestmark = pytest.mark.integration


@contextmanager
def rated(path: Path, url: str, **options: Any) -> Iterator[OpenRun]:
    """An open run whose process asks this server."""
    with workspace(path) as ws:
        samplers = RunSamplers(ws, partial(built_engine, http=settings(url), threads=1))
        toy = search(process=RewardProcess(model="toy", samplers=samplers), **options)
        with replace(toy, given={"samplers": samplers}).open(ws) as run:
            ws.recover()
            yield run


def whole(path: Path, url: str, options: dict[str, Any]) -> None:
    """Every round, and the decisions."""
    with rated(path, url, **options) as run:
        run_all(run)
        decide(run)


@pytest.fixture(scope="module")
def server() -> Iterator[ChanceServer]:
    one = ChanceServer()
    with one:
        yield one


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, server: ChanceServer) -> Path:
    path = tmp_path_factory.mktemp("plain")
    whole(path, server.url, {})
    return path


def test_scores_are_what_the_server_says_and_are_paid_for_once(plain: Path, server: ChanceServer) -> None:
    before = len(server.bodies)
    with rated(plain, server.url) as run:
        search = RunSearch(run)
        search.note(all_plans(run))
        nodes = {node.id: node for tree in search.trees() for node in tree.nodes}
        texts = completions_by_id(run.workspace, list(nodes))
        connection = run.workspace.segments.connect()
        paid = connection.execute("SELECT count(*) FROM completions WHERE engine = 'reward_model'").fetchall()
    assert nodes
    assert all(node.score == pytest.approx(worth(texts[cid].text), abs=1e-12) for cid, node in nodes.items())
    assert len(server.bodies) == before  # all of it is stored
    pairs = {(body["text_1"], body["text_2"]) for body in server.bodies}
    assert paid[0][0] == len(pairs)


@pytest.mark.parametrize(
    "changes",
    [{"batch": 7, "threads": 2}, {"batch": 256, "reverse": True}],
    ids=["small, two workers", "large and reversed"],
)
def test_batches_workers_and_the_order_of_answers_change_no_row(
    tmp_path: Path, plain: Path, server: ChanceServer, changes: dict[str, Any]
) -> None:
    whole(tmp_path, server.url, changes)
    assert rows_of(tmp_path) == rows_of(plain)


@pytest.mark.parametrize("moment", ["plan.committed:3", "segment.renamed:6"])
def test_a_killed_search_goes_on_to_the_same_tree(tmp_path: Path, plain: Path, server: ChanceServer, moment: str) -> None:
    assert Forked(whole, tmp_path, server.url, {}, point=moment).end() == (-signal.SIGKILL, "")
    whole(tmp_path, server.url, {})
    assert rows_of(tmp_path) == rows_of(plain)


def test_a_server_that_fails_ends_the_command_and_the_next_one_goes_on(tmp_path: Path, plain: Path) -> None:
    with ChanceServer(odd=(status(500),) * 400) as failing, pytest.raises(SetupError, match="failed 3 times"):
        whole(tmp_path, failing.url, {})
    with ChanceServer() as mended:
        whole(tmp_path, mended.url, {})
    assert rows_of(tmp_path) == rows_of(plain)
