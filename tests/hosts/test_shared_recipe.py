"""One recipe run by two hosts that share a PostgreSQL, an S3 and two model servers, and nothing else."""

import pytest

from tests.flows.conftest import finish
from tests.hosts.conftest import ROWS, WORKERS, Cluster, Outcome, outcome_of

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]


def test_two_hosts_make_the_content_of_one_machine_and_pay_nothing_twice(cluster: Cluster, alone: Outcome) -> None:
    commands = {name: cluster.curate(name) for name in WORKERS}
    outcomes = {name: outcome_of(finish(command)) for name, command in commands.items()}
    assert {outcome["content_hash"] for outcome in outcomes.values()} == {alone["content_hash"]}
    assert {outcome["version"] for outcome in outcomes.values()} == {1}
    assert sum(outcome["spent"]["drawn"] for outcome in outcomes.values()) == ROWS
    assert (len(cluster.requests()), cluster.paid()) == (ROWS, 0)
    versions = {name: {path.name for path in (cluster[name].disk / "ws/datasets/shared").iterdir()} for name in WORKERS}
    assert versions["left"] == versions["right"]
