"""Builds the command lines that start a keeper, or a method of somebody else: which folders they see, which namespaces
they get.
"""

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.pipelines.sandbox import seccomp
from rollmill.pipelines.sandbox.guest.frames import Settings
from rollmill.pipelines.sandbox.programs import Mode, SandboxLimits
from rollmill.places import IMPORT_ROOT

NOBODY = 65_534  # the uid that owns nothing, on every Linux
GUEST = Path(__file__).parent / "guest"
INSTALL = "apt-get install bubblewrap"
_INSIDE = "rollmill.pipelines.sandbox.guest".replace(
    ".", "/"
)  # a path of its package's name, under which it imports itself
# Not -I: it implies -E, which would ignore PYTHONHASHSEED and PYTHONUTF8.
_FLAGS = ("-s", "-S", "-P", "-B")  # no packages of the user or the site, no folder of the script, no bytecode files
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
_TOP_LINKS = ("/lib", "/lib64", "/bin")
_SHARED_PREFIXES = (Path("/usr"), Path("/usr/local"))
_DEVICES = ("/dev/null", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Launch:
    """Start command of a keeper."""

    command: tuple[str, ...]
    environment: dict[str, str]
    settings: Settings


def launch(mode: Mode, limits: SandboxLimits, folder: str) -> Launch:
    """The keeper of a mode. `folder` is an empty folder of its own, used by mode none only."""
    boxed = mode != "none"
    several = limits.processes > 1
    binds = (*_libraries(), *_DEVICES, *(("/usr/bin",) if several else ()))
    settings = Settings(
        mode,
        limits.cpu_seconds,
        limits.wall_seconds,
        limits.memory_mib,
        limits.output_kib,
        limits.disk_mib,
        limits.processes,
        NOBODY if boxed and os.getuid() == 0 else -1,
        binds if boxed else (),
        _links() if boxed else (),
        "/tmp" if boxed else str(Path(folder, "scratch")),  # noqa: S108 - inside the box
        *_filters(limits.processes, boxed=boxed),
    )
    if not boxed:
        return Launch(_bare(folder), dict(_ENVIRONMENT), settings)
    return Launch(_bubblewrap(), {}, settings)


def _filters(processes: int, *, boxed: bool) -> tuple[bytes, bytes, bytes]:
    """The filters of the zygote, of programs and of tests."""
    if not boxed:
        return b"", b"", b""
    machine = platform.machine()
    return seccomp.zygote(machine, processes), seccomp.child(machine, processes), seccomp.child(machine, 1)


def interpreter() -> str:
    """The real interpreter behind a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def bubblewrap() -> str:
    """Path of bubblewrap. SetupError when it is not installed."""
    program = shutil.which("bwrap")
    if program is None:
        message = "the sandbox needs bubblewrap (the program bwrap), which is not installed."
        raise SetupError(message, next_command=INSTALL)
    return program


def _bare(folder: str) -> tuple[str, ...]:
    """Mode none: a plain child that finds the guest modules alone, without the host's packages."""
    place = Path(folder, "box", _INSIDE)
    if not place.exists():
        place.parent.mkdir(parents=True)
        place.symlink_to(GUEST)
        Path(folder, "scratch").mkdir()
    return interpreter(), *_FLAGS, str(place / "keeper.py"), str(Path(folder, "box"))


def _bubblewrap() -> tuple[str, ...]:
    """A keeper behind the first wall. Root needs no user namespace here: the keeper gives up its uid and makes one of its
    own.
    """
    walls = boxed({str(GUEST): f"/box/{_INSIDE}"}, _ENVIRONMENT, ("--tmpfs", "/tmp"))  # noqa: S108
    walls += ("--proc", "/proc")
    # After every mount: their mount points are made in this root.
    walls += ("--remount-ro", "/", "--chdir", "/")
    return *walls, interpreter(), *_FLAGS, f"/box/{_INSIDE}/keeper.py", "/box"


def method_box(folders: Sequence[Path], module: str, scratch_mib: int) -> tuple[str, ...]:
    """Command that runs a module of ours behind the same wall, with these folders for its imports and a scratch folder."""
    searched = os.pathsep.join(map(str, (IMPORT_ROOT, *folders)))
    own = [IMPORT_ROOT / name for name in ("rollmill", "pipelines", "storage")] if IMPORT_ROOT not in folders else []
    environment = {**_ENVIRONMENT, "PYTHONPATH": searched, "HOME": "/tmp"}  # noqa: S108
    scratch = ("--perms", "1777", "--size", str(scratch_mib << 20), "--tmpfs", "/tmp")  # noqa: S108
    walls = boxed({str(place): str(place) for place in (*folders, *own)}, environment, scratch)
    return *walls, "--remount-ro", "/", "--chdir", "/tmp", interpreter(), *_FLAGS, "-m", module  # noqa: S108


def boxed(more: Mapping[str, str], environment: Mapping[str, str], scratch: Sequence[str]) -> tuple[str, ...]:
    """Bubblewrap with the walls that every box has: `more` are folders to see there, by their place here.

    `scratch`: the mount of /tmp, made first, so that it hides no folder that lies below /tmp.
    """
    root = os.getuid() == 0
    rights = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if root else ["--unshare-user"]
    command = [bubblewrap(), *rights, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    for name, value in environment.items():
        command += ["--setenv", name, value]
    command += scratch
    places = sorted({*_libraries(), *_executables()})
    targets = [*places, *_DEVICES, *more.values()]
    for parent in sorted({str(up) for place in targets for up in Path(place).parents} - {"/"}):
        command += ["--perms", "0755", "--dir", parent]  # its own choice for parents is 0700
    for place in places:
        command += ["--ro-bind", place, place]
    for link, target in _links():
        command += ["--symlink", target, link]
    # Bubblewrap mounts every other kind of bind with nodev.
    for device in _DEVICES:
        command += ["--dev-bind", device, device]
    for place, target in more.items():
        command += ["--ro-bind", place, target]
    return tuple(command)


def _libraries() -> list[str]:
    """The folders of the standard library and of shared libraries, and nothing with a person's data in it."""
    prefix = Path(sys.base_prefix).resolve()
    places = [Path("/usr/lib"), Path("/usr/lib64"), *(Path(top) for top in ("/lib", "/lib64"))]
    places.append(prefix / "lib" if prefix in _SHARED_PREFIXES else prefix)
    folders = {str(place) for place in places if place.is_dir() and not place.is_symlink()}
    return sorted(place for place in folders if not any(place.startswith(other + "/") for other in folders))


def _executables() -> list[str]:
    """Executables that start the keeper, if the libraries do not contain them already."""
    program = interpreter()
    inside = any(program.startswith(place + "/") for place in _libraries())
    return ["/usr/bin", *([] if inside or program.startswith("/usr/bin/") else [program])]


def _links() -> tuple[tuple[str, str], ...]:
    """/lib and its like where the distribution has merged them into /usr."""
    return tuple((top, str(Path(top).readlink())) for top in _TOP_LINKS if Path(top).is_symlink())
