"""Three commands on one recipe and two model servers, one of them killed as on a machine that nobody here can see.

Its process numbers count in a namespace of their own, so the others cannot tell that it is dead: its leases have to expire.
"""

import json
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Prepare, finish, start
from tests.pipelines.generate.http.serving import Serving
from tests.waiting import until

pytestmark = pytest.mark.chaos
IN_FLIGHT = 8  # at each server, of each command
RECIPE = """\
recipe_schema: 1
name: shared
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 16, options: {revision: r1}}
budget: {method: fixed, options: {initial: 8}}
select: {method: all_correct}
gate: {min_kept: 1}
"""
ELSEWHERE = ("bwrap", "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent")


def test_three_commands_and_two_servers_and_one_killed_elsewhere(tmp_path: Path, toy: Path, prepare: Prepare) -> None:
    rows = [f'{{"id": "{n}", "prompt": "{n} + {n} = ?", "reference": "{2 * n}"}}\n' for n in range(40)]
    (toy / "sums.jsonl").write_text("".join(rows))
    (toy / "shared.yaml").write_text(RECIPE)
    prepare(["import", "problems", "sums.jsonl", "--name", "sums"])
    alone = shutil.copytree(toy, tmp_path / "alone")
    with Serving(delay=0.05) as left, Serving(delay=0.05) as right:
        servers = "".join(f"  - {{url: {server.url}, concurrency: {IN_FLIGHT}}}\n" for server in (left, right))
        for folder in (toy, alone):
            (folder / "servers.yaml").write_text(f"servers:\n{servers}")
        command = ("curate", "shared.yaml", "--profile", "servers.yaml", "--direct", "--json")
        undisturbed = json.loads(finish(start(*command, cwd=alone)).out)
        paid = len(left.bodies) + len(right.bodies)
        assert paid == undisturbed["funnel"]["drawn"] == 320
        left.delay = right.delay = 4.0  # so that all three are at work when one is killed
        killed = start(*command, cwd=toy, before=ELSEWHERE)
        others = [start(*command, cwd=toy) for _ in range(2)]
        assert until(lambda: _hosts_at_work(toy) == 2, 120)
        killed.kill()
        began, left.delay, right.delay = time.monotonic(), 0.05, 0.05
        finish(killed)
        results = [finish(other) for other in others]
        bodies = [*left.bodies, *right.bodies]
    assert [result.status for result in results] == [0, 0], [result.err for result in results]
    outcomes = [json.loads(result.out) for result in results]
    assert {outcome["content_hash"] for outcome in outcomes} == {undisturbed["content_hash"]}
    assert {outcome["version"] for outcome in outcomes} == {1}
    assert time.monotonic() - began > 20  # its leases were waited for
    requests = Counter((body["messages"][-1]["content"], body["seed"]) for body in bodies)
    assert len(requests) == 320
    assert sum(requests.values()) - 2 * 320 <= 2 * IN_FLIGHT  # once each alone, once shared, and what was in flight
    with Workspace.open(toy) as workspace:
        assert workspace.segments.read("completions").num_rows == 320
        assert workspace.ledger.leases.held() == {}


def _hosts_at_work(folder: Path) -> int:
    """How many hosts, as leases know them, have a batch under way."""
    with Workspace.open(folder, read_only=True) as workspace:
        leases = workspace.ledger.leases.held().items()
        return len({owner.host for key, owner in leases if key.startswith("batch/")})
