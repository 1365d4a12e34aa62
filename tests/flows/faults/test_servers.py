"""Servers that misbehave while a real command draws: what came is kept, what failed is asked again, and nothing else."""

import signal
import time

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish
from tests.flows.faults.conftest import CONCURRENCY, Outcome, Place, outcome_of, same
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("trick", "outcome", "failed"),
    [
        ("20:24:status:500", "http_500", 5),
        ("20:24:status:429", "http_429", 5),
        ("20:24:half", "cut_off", 5),
        ("20:24:garbage", "not_json", 5),
        ("20:22:hang:30", "timeout", 3),
    ],
)
def test_a_reply_that_fails_is_asked_again_and_only_that_one(
    place: Place, undisturbed: Outcome, trick: str, outcome: str, failed: int
) -> None:
    place.server.start(trick)
    outcome_now = place.outcome()
    assert same(outcome_now, undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert place.server.asked == rows + failed
    with Workspace.open(place.folder) as ws:
        assert {attempt.outcome: attempt.count for attempt in ws.attempts.of(outcome_now["run"])} == {
            "ok": rows,
            outcome: failed,
        }
    assert len(place.stored()) == rows


def test_wrong_token_counts_cost_the_counts_and_not_the_rows(place: Place, undisturbed: Outcome) -> None:
    place.server.start("20:24:counts")
    outcome_now = place.outcome()
    rows = undisturbed["funnel"]["drawn"]
    assert place.server.asked == rows
    assert {key: value for key, value in outcome_now["funnel"].items() if key != "tokens_out"} == {
        key: value for key, value in undisturbed["funnel"].items() if key != "tokens_out"
    }
    with Workspace.open(place.folder) as ws:
        counts = ws.segments.read("completions", columns=("tokens_in", "tokens_out"))
    assert (counts["tokens_in"].null_count, counts["tokens_out"].null_count) == (5, 5)
    again = place.outcome()
    assert (again["content_hash"], again["spent"]["drawn"], place.server.asked) == (outcome_now["content_hash"], 0, rows)


def test_a_server_killed_and_back_is_waited_for(place: Place, undisturbed: Outcome) -> None:
    """Between its death and its return connections are refused."""
    place.server.start()
    command = place.curate()
    assert until(lambda: place.server.asked >= 40, 120)
    place.server.kill()
    time.sleep(1.5)
    assert command.poll() is None
    place.server.start()
    assert same(outcome_of(finish(command)), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert rows <= place.server.asked <= rows + CONCURRENCY


def test_a_server_gone_for_good_ends_the_command_and_the_same_one_goes_on(place: Place, undisturbed: Outcome) -> None:
    place.server.start()
    command = place.curate()
    assert until(lambda: place.server.asked >= 40, 120)
    place.server.kill()
    result = finish(command)
    assert result.status == 2
    assert "no server has answered for 15 seconds" in result.err
    assert "every reply received is kept. Next: start it" in result.err
    place.server.start()
    assert same(place.outcome(), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert rows <= place.server.asked <= rows + CONCURRENCY


def test_a_killed_command_repays_what_was_under_way(place: Place, undisturbed: Outcome) -> None:
    place.server.start()
    for kills in (1, 2):
        command, asked = place.curate(), place.server.asked
        assert until(lambda: place.server.asked >= asked + 30, 120)  # noqa: B023 - asked now
        command.kill()
        assert finish(command).status == -signal.SIGKILL
        assert place.server.asked - len(place.stored()) <= CONCURRENCY * kills + 64  # the rest lies in spools
    assert same(place.outcome(), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert rows <= place.server.asked <= rows + 2 * CONCURRENCY


def test_two_commands_at_once_and_one_of_them_killed(place: Place, undisturbed: Outcome) -> None:
    place.server.start()
    one, other = place.curate(), place.curate()
    assert until(lambda: place.server.asked >= 50, 120)
    one.kill()
    assert finish(one).status == -signal.SIGKILL
    assert same(outcome_of(finish(other)), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert rows <= place.server.asked <= rows + CONCURRENCY
    assert len(place.stored()) == rows
