"""A host whose link goes down: what it had under way is all that is lost, and nobody waits for it for ever."""

import time

import pytest

from tests.flows.conftest import finish
from tests.hosts.conftest import BATCH, IN_FLIGHT, ROWS, WORKERS, Cluster, Outcome, outcome_of
from tests.hosts.network import HERE
from tests.waiting import until

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
WRITING = """
import sys
import time
from pathlib import Path
from sqlalchemy import text
from rollmill.ground.errors import RollmillError
from rollmill.storage.workspace import Workspace

with Workspace.open(Path(sys.argv[1])) as workspace:
    try:
        with workspace.ledger.write() as session:
            print("writing", flush=True)
            while sys.argv[2:] and not Path(sys.argv[2]).exists():
                time.sleep(0.1)
            session.execute(text("SELECT 1"))
    except RollmillError as error:
        print(error, flush=True)
"""


def test_a_host_that_vanishes_as_it_writes_holds_the_others_up_for_a_minute_at_most(cluster: Cluster) -> None:
    left, right = (cluster[name] for name in WORKERS)
    gone = right.python("-c", WRITING, f"{HERE}/ws", f"{HERE}/go")
    assert gone.stdout is not None
    assert gone.stdout.readline() == "writing\n"
    right.unplug()
    try:
        began = time.monotonic()
        assert finish(left.python("-c", WRITING, f"{HERE}/ws")).out == "writing\n"
        assert time.monotonic() - began < 100  # a minute, and the start of a program
    finally:
        right.plug()
    (right.disk / "go").touch()
    out, err = gone.communicate(timeout=120)
    assert out.startswith("the connection to the ledger postgresql"), out + err
    assert "was lost; everything committed before is safe. Next: see that the database and the network are up" in out


def test_a_link_that_is_down_for_a_while_costs_what_was_under_way(cluster: Cluster, alone: Outcome) -> None:
    """The host's model server vanishes with it, and is back with it."""
    commands = {name: cluster.curate(name) for name in WORKERS}
    assert until(lambda: cluster.requests().total() > ROWS // 6, 240)
    cluster["right"].unplug()
    time.sleep(15)
    cluster["right"].plug()
    outcomes = [outcome_of(finish(command, 500)) for command in commands.values()]
    assert {outcome["content_hash"] for outcome in outcomes} == {alone["content_hash"]}
    assert len(cluster.requests()) == ROWS
    assert cluster.paid() <= 2 * 2 * IN_FLIGHT  # of two commands at two servers


@pytest.mark.long
def test_a_host_that_stays_away_leaves_the_work_to_the_others(cluster: Cluster, alone: Outcome) -> None:
    """Its leases end, its model server is given up, and the batches that it had open are drawn by the other."""
    commands = {name: cluster.curate(name) for name in WORKERS}
    assert until(lambda: cluster.requests().total() > ROWS // 6, 240)
    cluster["right"].unplug()
    try:
        outcome = outcome_of(finish(commands["left"], 500))
    finally:
        cluster["right"].plug()
    assert outcome["content_hash"] == alone["content_hash"]
    said = finish(commands["right"], 500)
    if said.status != 0:
        assert said.status == 2, said.err
        assert "Traceback" not in said.err
        said = finish(cluster.curate("right"))
    assert outcome_of(said)["content_hash"] == alone["content_hash"]
    assert len(cluster.requests()) == ROWS
    assert cluster.paid() <= 2 * BATCH + 2 * IN_FLIGHT  # its open batches, and what the other had asked its server
