"""A lease has one holder, ends by the database's clock, and ends early when its process is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.ledger.owners import Owner, maker_of, new_file_id, this_process
from tests.out_of_files import out_of_files


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    yield ledger
    ledger.close()


def change(ledger: Ledger, **values: object) -> None:
    with ledger.write() as session:
        session.execute(update(LeaseRow).values(**values))


def test_one_holder_at_a_time(ledger: Ledger) -> None:
    lease = ledger.leases.acquire("batch")
    assert lease is not None
    assert ledger.leases.acquire("batch") is None
    assert ledger.leases.acquire("other") is not None
    assert ledger.leases.held()["batch"] == this_process()
    lease.release()
    again = ledger.leases.acquire("batch")
    assert again is not None
    with again:
        pass
    assert "batch" not in ledger.leases.held()


def test_an_expired_lease_is_taken_over_and_its_old_holder_learns_it(ledger: Ledger) -> None:
    first = ledger.leases.acquire("batch", ttl=-1)
    second = ledger.leases.acquire("batch")
    assert first is not None
    assert second is not None
    assert not first.renew()
    first.release()
    assert second.renew()
    assert ledger.leases.acquire("batch") is None


def test_an_expired_lease_that_nobody_took_is_renewed(ledger: Ledger) -> None:
    lease = ledger.leases.acquire("batch", ttl=-1)
    assert lease is not None
    lease.ttl = 60
    assert lease.renew()
    assert ledger.leases.acquire("batch") is None


def test_the_lease_of_a_killed_process_is_free_at_once(ledger: Ledger, tmp_path: Path) -> None:
    code = """
import os, signal, sys
from rollmill.storage.ledger.engine import Ledger
assert Ledger(sys.argv[1]).leases.acquire("batch", ttl=3600)
os.kill(os.getpid(), signal.SIGKILL)
"""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code, f"sqlite:///{tmp_path}/ledger.sqlite"], env=env)
    assert done.returncode == -signal.SIGKILL
    assert ledger.leases.held() == {}
    assert ledger.leases.acquire("batch") is not None


def test_the_leases_of_processes_that_are_gone_are_forgotten(ledger: Ledger) -> None:
    ledger.leases.acquire("dead")
    change(ledger, started=-1.0)
    ledger.leases.acquire("far")
    with ledger.write() as session:
        session.execute(update(LeaseRow).where(LeaseRow.key == "far").values(host="elsewhere"))
    ledger.leases.acquire("mine")
    ledger.leases.forget_dead()
    with ledger.read() as session:
        assert sorted(session.scalars(select(LeaseRow.key))) == ["far", "mine"]


def claimed(ledger: Ledger, key: str, wanted: list[str]) -> Collection[str]:
    """What a new lease under this key claims of the wanted completions."""
    lease = ledger.leases.acquire(key, claim=wanted)
    assert lease is not None
    return lease.claimed


def test_a_completion_is_claimed_by_one_lease_at_a_time(ledger: Ledger) -> None:
    first = ledger.leases.acquire("first", claim=["a", "b"])
    second = ledger.leases.acquire("second", claim=["b", "c"])
    assert first is not None
    assert second is not None
    assert (first.claimed, second.claimed) == ({"a", "b"}, {"c"})
    with ledger.write() as session:
        ledger.leases.release_claims(session, first)  # they are stored: nobody asks for them any more
    assert claimed(ledger, "third", ["a", "b", "c"]) == {"a", "b"}
    second.release()
    assert claimed(ledger, "fourth", ["b", "c"]) == {"c"}


@pytest.mark.parametrize("end", [{"expires_at": 0.0}, {"pid": 2**22 + 1}])
def test_a_claim_ends_with_its_lease_or_its_process(ledger: Ledger, end: dict[str, object]) -> None:
    assert ledger.leases.acquire("batch", ttl=3600, claim=["a"])
    assert claimed(ledger, "other", ["a"]) == set()
    change(ledger, **end)
    assert claimed(ledger, "another", ["a"]) == {"a"}


def test_a_later_process_with_the_same_number_is_another(ledger: Ledger) -> None:
    assert ledger.leases.acquire("batch", ttl=3600)
    change(ledger, started=this_process().started - 1000)
    assert ledger.leases.acquire("batch") is not None


def test_a_process_of_another_host_is_believed_until_its_lease_ends(ledger: Ledger) -> None:
    assert ledger.leases.acquire("batch", ttl=3600)
    change(ledger, host="elsewhere", pid=1)
    assert ledger.leases.acquire("batch") is None
    change(ledger, expires_at=0.0)
    assert ledger.leases.acquire("batch") is not None


def test_a_process_that_may_open_no_more_files_takes_nobody_for_dead() -> None:
    me = this_process()
    assert me.alive()
    with out_of_files(), pytest.raises(OSError, match="Too many open files"):
        me.alive()


def test_liveness_of_an_owner() -> None:
    me = this_process()
    assert me.alive() is True
    assert Owner(me.host, me.pid, me.started + 1000).alive() is False
    assert Owner("elsewhere", me.pid, me.started).alive() is None


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_live_owner_stays_alive_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """The kernel derives the time of its boot, and psutil from that a process's start, from the clock of today."""
    import psutil

    me, maker = this_process(), maker_of(new_file_id())
    assert maker is not None
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + seconds)
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + seconds)
    monkeypatch.setattr(psutil._pslinux, "BOOT_TIME", boot + seconds, raising=False)
    assert (me.alive(), maker.alive()) == (True, True)


def test_an_owner_of_an_earlier_boot_is_dead() -> None:
    me = this_process()
    assert Owner(me.host, me.pid, me.started + 2**32).alive() is False


def test_a_file_id_tells_its_maker() -> None:
    name = new_file_id()
    maker = maker_of(name)
    assert (len(name), name != new_file_id()) == (44, True)
    assert maker is not None
    assert (maker.pid, maker.alive()) == (os.getpid(), True)
    assert maker_of("README") is None
    assert maker_of("x" * 44) is None
