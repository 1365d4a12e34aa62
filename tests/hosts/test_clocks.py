"""Hosts whose clocks are an hour apart: leases end by the database's clock, and S3 says whose clock it refuses."""

import subprocess
from pathlib import Path

import pytest

from tests.flows.conftest import finish
from tests.hosts.conftest import ROWS, WORKERS, Cluster, Outcome, outcome_of
from tests.hosts.network import HERE, Host
from tests.hosts.project import CURATE, places
from tests.hosts.services import database

pytestmark = [pytest.mark.hosts, pytest.mark.timeout(600)]
SHIFTS = {"left": 1800, "right": -1800}  # seconds
WEEK = 7 * 86_400


def beginning(host: Host, seconds: int, *arguments: str) -> "subprocess.Popen[str]":
    """A command on a host whose clock is wrong by so much."""
    return host.python("-m", "tests.hosts.wrong_clock", str(seconds), "--directory", f"{HERE}/ws", *arguments)


def test_two_hosts_an_hour_apart_share_a_recipe_in_a_folder_that_both_mount(cluster: Cluster, alone: Outcome) -> None:
    """In a folder, as S3 itself refuses such clocks."""
    mine = cluster.ledger.rpartition("/")[2]
    for name in WORKERS:
        settings = cluster[name].disk / "ws/rollmill.toml"
        settings.write_text(places(f"{cluster.ledger}-mounted", f"{HERE}/shared/{mine}"))
    database(cluster["store"], f"{mine}-mounted")
    assert finish(cluster["left"].rollmill("import", "problems", f"{HERE}/ws/sums.jsonl", "--name", "sums")).status == 0
    commands = [beginning(cluster[name], SHIFTS[name], *CURATE, "--direct") for name in WORKERS]
    outcomes = [outcome_of(finish(command, 500)) for command in commands]
    assert {outcome["content_hash"] for outcome in outcomes} == {alone["content_hash"]}
    assert (len(cluster.requests()), cluster.paid()) == (ROWS, 0)
    said = finish(beginning(cluster["right"], WEEK, "doctor", "--json"))  # nor does it take for old what is new
    assert said.status == 0, said.out + said.err


def test_a_clock_that_s3_refuses_is_named(cluster: Cluster) -> None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "libfaketime is not installed: apt-get install faketime"
    wrong = {"LD_PRELOAD": str(found[0]), "FAKETIME": "-30m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    said = finish(cluster.curate("right", **wrong))
    assert said.status == 2, said.out
    assert "The clock of this machine is 30 minutes behind the store's, and S3 refuses whoever" in said.err
    assert "Next: set the clock" in said.err
