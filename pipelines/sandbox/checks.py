"""Whether this machine can run a sandbox, and whether limits make sense: SetupErrors that name what is missing."""

import platform
import sys
from pathlib import Path

from pipelines.sandbox.box import Box, BoxBroken
from pipelines.sandbox.launch import bubblewrap
from pipelines.sandbox.programs import MODES, Limits, Mode
from storage.errors import SetupError, unknown_name

_MACHINES = ("x86_64", "aarch64")
_LEAST_MIB = 64
_NONE = "or, to run untrusted code without any protection, say `sandbox: none` in the recipe"
_SWITCHES = (  # sysctl, the value that forbids user namespaces, one that allows them
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "10000"),
)


def check_mode(mode: str) -> Mode:
    """The mode. SetupError when there is no such mode."""
    for known in MODES:
        if mode == known:
            return known
    raise unknown_name("sandbox mode", mode, MODES)


def check_limits(limits: Limits) -> Limits:
    """The limits. SetupError when a program could not even start under them."""
    for name in ("cpu_seconds", "wall_seconds", "output_kib", "disk_mib", "processes"):
        if not getattr(limits, name) > 0:
            raise SetupError(f"sandbox limit {name} is {getattr(limits, name)}; it must be above 0.")
    if limits.memory_mib < _LEAST_MIB * limits.processes:
        message = f"sandbox limit memory_mib is {limits.memory_mib}; {limits.processes} process(es) share it evenly"
        raise SetupError(f"{message} and each needs {_LEAST_MIB} MiB: at least {_LEAST_MIB * limits.processes}.")
    return limits


def check_sandbox(mode: Mode = "strict") -> None:
    """Start a box and end it. SetupError naming the missing part and the next command if this machine cannot."""
    check_mode(mode)
    if mode != "none":
        _check_platform()
        bubblewrap()
    try:
        Box(mode, Limits()).close()
    except BoxBroken as error:
        raise _explained(str(error)) from None


def _check_platform() -> None:
    if sys.platform != "linux":
        raise SetupError(f"the sandbox needs Linux namespaces; this is {sys.platform}. Use a Linux machine, {_NONE}.")
    if platform.machine() not in _MACHINES:
        message = f"the sandbox has no system call filter for {platform.machine()}; use another machine, {_NONE}."
        raise SetupError(message, choices=_MACHINES)


def _explained(reason: str) -> SetupError:
    """What keeps a box from starting, with the switch to turn where the kernel shows one."""
    for name, off, on in _SWITCHES:
        place = Path("/proc/sys", name.replace(".", "/"))
        if place.exists() and place.read_text().strip() == off:
            message = f"the sandbox cannot start: user namespaces are switched off ({name} is {off}; {reason})"
            return SetupError(f"{message}; {_NONE}.", next_command=f"sysctl -w {name}={on}")
    message = f"the sandbox cannot start: {reason}. It needs user, pid, network, ipc and mount namespaces"
    command = "run it where containers may be nested (docker run --security-opt seccomp=unconfined --cap-add SYS_ADMIN)"
    return SetupError(f"{message}; {_NONE}.", next_command=command)
