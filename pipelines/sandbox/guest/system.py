"""The system calls the box needs and Python lacks: clone, mounts, capabilities, the filter.

ctypes is loaded once in the keeper; a forked program finds it loaded. All calls go through `PyDLL`, which keeps the
interpreter lock: a raw clone must not give it away.
"""

import ctypes
import os

NEWNS, NEWUTS, NEWIPC, NEWUSER = 0x20000, 0x4000000, 0x8000000, 0x10000000
NEWPID, NEWNET, NEWCGROUP = 0x20000000, 0x40000000, 0x2000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_SETTID, _CLEARTID, _PARENT, _SIGCHLD = 0x01000000, 0x00200000, 0x8000, 17
_PR_PDEATHSIG, _PR_DUMPABLE, _PR_SECCOMP, _PR_SECUREBITS, _PR_NNP, _PR_TID_ADDRESS = 1, 4, 22, 28, 38, 40
_NO_ROOT_EVER = 0xEF  # NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each locked; KEEP_CAPS locked off

MACHINE = os.uname().machine
_NUMBERS = {"x86_64": {"clone": 56, "pivot_root": 155}, "aarch64": {"clone": 220, "pivot_root": 41}}
_libc = ctypes.PyDLL(None, use_errno=True)
_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(0x20080522, 0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


class _FilterProgram(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _tid_address() -> int:
    """Address of the C library's thread id, which clone must renew as fork does; 0 if the kernel does not report it."""
    address = ctypes.c_void_p()
    failed = _libc.prctl(_PR_TID_ADDRESS, ctypes.byref(address), 0, 0, 0)
    return 0 if failed else address.value or 0


_TID = _tid_address()
_TIDS = (_TID, 0) if MACHINE == "x86_64" else (0, _TID)
_FORK = _SIGCHLD | _PARENT | (_SETTID | _CLEARTID if _TID else 0)
_SYSCALL = "syscall"
_clone = _libc[_SYSCALL]  # by index: a function object of its own, whose types are set here
_clone.argtypes = [ctypes.c_long] * 6
_clone.restype = ctypes.c_long


def clone(flags: int) -> int:
    """Fork a sibling, the first of these new namespaces: 0 in it, its pid in the caller.

    The interpreter's own work around a fork is left out on purpose: the caller has one thread and no at-fork functions, so
    there is nothing to renew, and it would cost each child a hundred page faults.
    """
    pid = int(_clone(_NUMBERS[MACHINE]["clone"], flags | _FORK, 0, 0, *_TIDS))
    return pid if pid >= 0 else _checked(pid, "clone")


def unshare(flags: int) -> None:
    """Leave namespaces for new ones."""
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2)."""
    kind_bytes = kind.encode() if kind else None
    result = _libc.mount(source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), options.encode() or None)
    _checked(result, f"mount {target}")


def unmount(target: str) -> None:
    """Detach a mount and all below it."""
    _checked(_libc.umount2(target.encode(), _DETACH), f"umount {target}")


def enter_root(folder: str) -> None:
    """Make a mounted folder the root and let go of the old one."""
    os.chdir(folder)
    _checked(_libc[_SYSCALL](_NUMBERS[MACHINE]["pivot_root"], b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def drop_privileges(uid: int) -> None:
    """From root to a uid without any right, still allowed to describe its own namespace in /proc."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    _checked(_libc.prctl(_PR_DUMPABLE, 1, 0, 0, 0), "prctl dumpable")


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _checked(_libc.prctl(_PR_PDEATHSIG, 9, 0, 0, 0), "prctl pdeathsig")


def drop_capabilities() -> None:
    """No capability left, and no way back: root's uid would mean nothing either."""
    _checked(_libc.prctl(_PR_SECUREBITS, _NO_ROOT_EVER, 0, 0, 0), "prctl securebits")
    _checked(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES), "capset")


def no_new_privileges() -> None:
    """Neither this process nor a child gains rights by executing a file; the filter needs it."""
    _checked(_libc.prctl(_PR_NNP, 1, 0, 0, 0), "prctl no_new_privs")


def trim() -> None:
    """Give freed memory back, so that no fork has to copy the way to it."""
    _libc.malloc_trim(0)


def install_filter(code: bytes) -> None:
    """From here on this process and its children live with the filter."""
    _checked(_libc.prctl(_PR_SECCOMP, 2, ctypes.byref(_FilterProgram(len(code) // 8, code)), 0, 0), "prctl seccomp")
