"""S3 that is slow, answers 503, or loses connections in the middle of uploads, on the way from another host."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.conftest import finish
from tests.hosts.conftest import ROWS, Cluster, Outcome, outcome_of
from tests.hosts.network import Network
from tests.hosts.services import faulty_s3
from tests.waiting import until

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def proxy(hosts: Network) -> Iterator[tuple[str, Path]]:
    with faulty_s3(hosts["store"]) as served:
        yield served


def test_a_slow_store_that_cuts_uploads_and_answers_503_for_a_while_costs_nothing(
    cluster: Cluster, alone: Outcome, proxy: tuple[str, Path]
) -> None:
    address, faults = proxy
    faults.write_text("cut:3")
    command = cluster.curate("left", AWS_ENDPOINT_URL=address)
    assert until(lambda: cluster.requests().total() > ROWS // 4, 240)
    faults.write_text("status:503")
    time.sleep(12)
    faults.write_text("slow:200000")
    outcome = outcome_of(finish(command, 500))
    faults.write_text("")
    assert outcome["content_hash"] == alone["content_hash"]
    assert (outcome["spent"]["drawn"], len(cluster.requests()), cluster.paid()) == (ROWS, ROWS, 0)
    said = finish(cluster["right"].rollmill("doctor", "--json"))  # from another host: what lies there, byte by byte
    assert said.status == 0, said.out + said.err


def test_a_store_that_is_gone_for_good_is_one_line_and_the_same_command_goes_on(
    cluster: Cluster, alone: Outcome, proxy: tuple[str, Path]
) -> None:
    address, faults = proxy
    faults.write_text("")
    command = cluster.curate("left", AWS_ENDPOINT_URL=address)
    assert until(lambda: cluster.requests().total() > ROWS // 4, 240)
    faults.write_text("status:503")
    said = finish(command, 500)
    assert said.status == 2, said.out
    assert f"the place of segments {cluster.segments} does not answer: " in said.err
    assert "Service Unavailable" in said.err
    assert "Traceback" not in said.err
    refused = finish(cluster.curate("left", AWS_ENDPOINT_URL=address))
    assert (refused.status, "does not answer" in refused.err) == (2, True)
    faults.write_text("")
    outcome = outcome_of(finish(cluster.curate("left", AWS_ENDPOINT_URL=address)))
    assert outcome["content_hash"] == alone["content_hash"]
    assert cluster.paid() <= 8  # replies on their way as the command ended
