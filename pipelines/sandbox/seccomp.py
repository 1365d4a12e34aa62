"""The system call filter of one program, as classic BPF.

Allowed calls run, calls without an honest use kill the process (SIGSYS, so the cause can be told from outside), everything
else does not exist (ENOSYS). Layout per rule: compare, act, else fall through to the next.

There are two filters, for the kernel studies a filter for every call when it is installed, which took a tenth of a
program's time. The long one is installed once, in the zygote, and lets through what a fork still needs to confine itself;
the short one is installed in each fork and takes that back. Together they are `whole`; the tests compare them.
"""

import struct

from pipelines.sandbox.syscalls import ALLOWED, HOSTILE, LOOKED_AT, numbers

KILL = 0x80000000
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
_ENOSYS = 38
_EPERM = 1
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_X32 = 0x40000000
_THREAD = 0x00010000
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x80 | 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FIONCLEX FIOCLEX
_PRCTLS = (3, 15, 16, 0x53564D41)  # PR_GET_DUMPABLE PR_SET_NAME PR_GET_NAME PR_SET_VMA
_AF_UNIX = 1
_CONFINING = frozenset(("unshare", "mount", "capset", "prctl", "clone"))
_MULTIPLYING = frozenset(("fork", "vfork", "execve", "execveat"))
_ALLOWED = frozenset(numbers(ALLOWED, "x86_64")) | frozenset(numbers(ALLOWED, "aarch64"))
_HOSTILE = frozenset(numbers(HOSTILE, "x86_64")) | frozenset(numbers(HOSTILE, "aarch64"))


def whole(machine: str, processes: int) -> bytes:
    """All rules in one filter, an array of struct sock_filter, for programs that may have this many processes."""
    code = _opening(machine)
    for name, number in _known(machine).items():
        code += _when(number, _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ERRNO | _ENOSYS)])


def zygote(machine: str, processes: int) -> bytes:
    """The same, but what a fork does to confine itself is let through."""
    code = _opening(machine)
    for name, number in _known(machine).items():
        code += _when(number, [_op(_RETURN, ALLOW)] if name in _CONFINING else _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ERRNO | _ENOSYS)])


def child(machine: str, processes: int) -> bytes:
    """On top of the zygote's: only what differs, and what differs between programs and tests."""
    code = [_op(_LOAD, _NR)]
    for name, number in _known(machine).items():
        if name in _CONFINING or name in _MULTIPLYING:
            code += _when(number, _rule(name, processes))
    return b"".join([*code, _op(_RETURN, ALLOW)])


def _opening(machine: str) -> list[bytes]:
    """Any other architecture, the 32-bit numbers among them, is killed."""
    code = [_op(_LOAD, _ARCH), _op(_EQUAL, _AUDIT[machine], 1, 0), _op(_RETURN, KILL), _op(_LOAD, _NR)]
    return code + ([_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, KILL)] if machine == "x86_64" else [])


def _known(machine: str) -> dict[str, int]:
    return numbers(ALLOWED + HOSTILE + LOOKED_AT, machine)


def _rule(name: str, processes: int) -> list[bytes]:
    """What becomes of a listed call; ends in a return."""
    if name in _ALLOWED:
        return [_op(_RETURN, ALLOW)]
    if name in _HOSTILE:
        return [_op(_RETURN, KILL)]
    return _looked_at(name, processes)


def _looked_at(name: str, processes: int) -> list[bytes]:
    """The rule of a call that depends on its arguments; each ends in a return."""
    several = ALLOW if processes > 1 else KILL
    if name == "capset":
        return [_op(_RETURN, ERRNO | _ENOSYS)]
    if name == "ioctl":
        return _one_of(1, _IOCTLS, ERRNO | 25)  # ENOTTY
    if name == "prctl":
        return _one_of(0, _PRCTLS, ERRNO | _EPERM)
    if name == "prlimit64":
        return _one_of(0, (0,), ERRNO | _EPERM)
    if name == "socketpair":
        return _one_of(0, (_AF_UNIX,), KILL)
    if name == "clone":
        return [
            _op(_LOAD, _ARGS),
            _op(_ANY_BIT, _NAMESPACES, 0, 1),
            _op(_RETURN, KILL),
            _op(_ANY_BIT, _THREAD, 0, 1),
            _op(_RETURN, ALLOW),
            _op(_RETURN, several),
        ]
    return [_op(_RETURN, several)]


def _one_of(argument: int, values: tuple[int, ...], otherwise: int) -> list[bytes]:
    """Allow when the low half of an argument is one of these values."""
    code = [_op(_LOAD, _ARGS + 8 * argument)]
    for value in values:
        code += [_op(_EQUAL, value, 0, 1), _op(_RETURN, ALLOW)]
    return [*code, _op(_RETURN, otherwise)]


def _when(number: int, body: list[bytes]) -> list[bytes]:
    return [_op(_EQUAL, number, 0, len(body)), *body]


def _op(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", code, then, otherwise, value)
