"""The filter, run by an interpreter of classic BPF written for this test, on both machines."""

import struct
from functools import cache

import pytest

from rollmill.pipelines.sandbox.seccomp import ALLOWED, HOSTILE, LOOKED_AT, child, numbers, whole, zygote

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
KILL, ALLOW, ENOSYS, EPERM, ENOTTY = 0x80000000, 0x7FFF0000, 0x50000 + 38, 0x50000 + 1, 0x50000 + 25
MACHINES = ("x86_64", "aarch64")


@cache
def unpacked(code: bytes) -> tuple[tuple[int, ...], ...]:
    return tuple(struct.iter_unpack("<HBBI", code))


def run(code: bytes, number: int, arch: int, *args: int) -> int:
    """What the kernel would answer: a small BPF machine."""
    data = struct.pack("<iIQ6Q", number, arch, 0, *(list(args) + [0] * 6)[:6])
    steps = unpacked(code)
    at = register = 0
    while True:
        kind, then, otherwise, value = steps[at]
        at += 1
        if kind == 0x20:
            register = struct.unpack_from("<I", data, value)[0]
        elif kind == 0x06:
            return int(value)
        else:
            holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[kind]
            at += then if holds else otherwise


def verdict(machine: str, name: str, *args: int, processes: int = 1) -> int:
    number = numbers(ALLOWED + HOSTILE + LOOKED_AT, machine)[name]
    return run(whole(machine, processes), number, AUDIT[machine], *args)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_listed_call_has_its_verdict(machine: str) -> None:
    code = whole(machine, 1)
    assert {run(code, number, AUDIT[machine]) for number in numbers(ALLOWED, machine).values()} == {ALLOW}
    assert {run(code, number, AUDIT[machine]) for number in numbers(HOSTILE, machine).values()} == {KILL}
    assert len(code) // 8 <= 4096


@pytest.mark.parametrize("machine", MACHINES)
def test_no_number_stands_in_two_lists(machine: str) -> None:
    tables = [list(numbers(table, machine).values()) for table in (ALLOWED, HOSTILE, LOOKED_AT)]
    found = [number for table in tables for number in table]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_else_does_not_exist(machine: str) -> None:
    known = set(numbers(ALLOWED + HOSTILE + LOOKED_AT, machine).values())
    code = whole(machine, 1)
    assert {run(code, number, AUDIT[machine]) for number in range(600) if number not in known} == {ENOSYS}


def test_another_architecture_is_killed() -> None:
    assert run(whole("x86_64", 1), 0, 0x40000003) == KILL
    assert run(whole("x86_64", 1), 0x40000000, AUDIT["x86_64"]) == KILL
    assert run(whole("aarch64", 1), 63, AUDIT["x86_64"]) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_that_depend_on_their_arguments(machine: str) -> None:
    thread, child, user = 0x3D0F00, 0x1200011, 0x10000011
    assert verdict(machine, "clone", thread) == ALLOW
    assert verdict(machine, "clone", child) == KILL
    assert verdict(machine, "clone", child, processes=2) == ALLOW
    assert verdict(machine, "clone", user, processes=2) == KILL
    assert verdict(machine, "clone", thread | 0x20000) == KILL
    assert verdict(machine, "execve") == KILL
    assert verdict(machine, "execve", processes=2) == ALLOW
    assert verdict(machine, "socketpair", 1) == ALLOW
    assert verdict(machine, "socketpair", 2) == KILL
    assert verdict(machine, "ioctl", 1, 0x5401) == ALLOW
    assert verdict(machine, "ioctl", 1, 0x5412) == ENOTTY
    assert verdict(machine, "prctl", 15) == ALLOW
    assert verdict(machine, "prctl", 4) == EPERM
    assert verdict(machine, "prlimit64", 0) == ALLOW
    assert verdict(machine, "prlimit64", 7) == EPERM


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("machine", MACHINES)
def test_the_two_filters_together_are_the_whole(machine: str, processes: int) -> None:
    def both(number: int, *args: int) -> int:
        found = run(long, number, AUDIT[machine], *args), run(short, number, AUDIT[machine], *args)
        return min(found, key=(KILL, ENOSYS, EPERM, ENOTTY, ALLOW).index)  # the strictest counts

    long, short = (
        zygote(machine, max(processes, 4)),
        child(machine, processes),
    )  # tests have one process, whatever programs have
    complete = whole(machine, processes)
    arguments = [
        (),
        (1,),
        (2,),
        (7,),
        (15,),
        (22,),
        (0x3D0F00,),
        (0x1200011,),
        (0x10000011,),
        (0x20000,),
        (1, 0x5401),
        (1, 0x5412),
    ]
    for number in range(500):
        for args in arguments:
            assert both(number, *args) == run(complete, number, AUDIT[machine], *args), (number, args)


def test_the_zygote_may_confine_its_forks_and_no_more() -> None:
    known = numbers(ALLOWED + HOSTILE + LOOKED_AT, "x86_64")
    code = zygote("x86_64", 1)
    assert {name for name in numbers(HOSTILE, "x86_64") if run(code, known[name], AUDIT["x86_64"]) == ALLOW} == {
        "unshare",
        "mount",
    }
    assert run(code, known["execve"], AUDIT["x86_64"]) == KILL


def test_the_calls_that_must_never_be_allowed() -> None:
    for machine in MACHINES:
        allowed = numbers(ALLOWED, machine)
        for name in [
            "ptrace",
            "mount",
            "unshare",
            "setns",
            "bpf",
            "keyctl",
            "io_uring_setup",
            "userfaultfd",
            "socket",
            "connect",
            "bind",
            "memfd_create",
            "setpriority",
        ]:
            assert name not in allowed
