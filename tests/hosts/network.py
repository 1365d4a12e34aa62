"""Hosts on this one machine for tests: namespaces with a network, process numbers, a name and a file system of their own.

Each host is a keeper process in fresh namespaces, joined by a pair of virtual links to the bridge of another, the switch.
Everything in a namespace ends with its keeper, and a keeper ends with the tests, also by SIGKILL: nothing is left to clean
but a folder, which the next start removes. What hosts say to one another passes the bridge alone, which counts the bytes.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.flows.conftest import ROOT, Said, finish
from tests.tied import tied
from tests.waiting import until

FOLDERS, PREFIX = Path("/dev/shm"), "rollmill-hosts-"  # in memory, and short, as the paths of sockets must be
HERE = Path("/mnt")  # where every host has its own disk, the only place that it can write
NAMESPACES = ("--net", "--mount", "--uts", "--pid", "--ipc")
_numbers = itertools.count()

# Of its disk the folder `shared` is that of all hosts, as a network's file system would be.
# The rest of the file system is read-only and without the disks of the others. Its shell takes up orphans, as init does.
BOOT = """
set -e
mount --bind {disk} {here}
mkdir -p {here}/tmp {here}/shared
mount --bind {shared} {here}/shared
mount -t tmpfs none /dev/shm
mount --bind {here}/etc-hosts /etc/hosts
mount -o remount,bind,ro /
hostname {name}
ip link set lo up
touch {here}/booted
while :; do sleep 1000 & wait; done
"""


@dataclass
class Host:
    """One host: its name, its address, and its disk as it is seen from outside."""

    name: str
    address: str
    disk: Path
    pid: int
    network: "Network" = field(repr=False)

    def start(self, *command: str, **env: str) -> "subprocess.Popen[str]":
        """A process on this host; it dies with the tests, with the host, and with the process that is given back."""
        inside = ("nsenter", "--target", str(self.pid), "--all", f"--wd={HERE}", "setpriv", "--pdeathsig", "KILL")
        pipe = subprocess.PIPE
        begun = subprocess.Popen(tied(*inside, *command), env=self._environment(env), stdout=pipe, stderr=pipe, text=True)
        self.network.begun.append(begun)
        return begun

    def serve(self, name: str, *command: str, **env: str) -> "subprocess.Popen[str]":
        """A server on this host; what it says is in a file of its disk."""
        return self.start("bash", "-c", f'exec "$@" > {HERE}/{name}.log 2>&1', "-", *command, **env)

    def run(self, *command: str, **env: str) -> Said:
        """A command on this host to its end, which must be a good one."""
        said = finish(self.start(*command, **env))
        assert said.status == 0, f"{self.name}: {' '.join(command)}: {said.out}{said.err}"
        return said

    def python(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """The interpreter of the tests on this host."""
        return self.start(sys.executable, *arguments, **env)

    def rollmill_command(self, *arguments: str) -> list[str]:
        """The command line for the workspace of this host, which is the folder `ws` of its disk."""
        return [sys.executable, "-m", "rollmill.flows.cli", "--directory", f"{HERE}/ws", *arguments]

    def rollmill(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """That command begun."""
        return self.start(*self.rollmill_command(*arguments), **env)

    def running(self, *words: str) -> list[psutil.Process]:
        """The processes of this host of whose command lines a word is one of these."""
        inside = Path(f"/proc/{self.pid}/ns/pid").readlink()
        running = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if Path(f"/proc/{process.pid}/ns/pid").readlink() == inside and {*words} & {*process.cmdline()}:
                    running.append(process)
        return running

    def kill(self, *words: str) -> int:
        """SIGKILL those processes; how many there were."""
        running = self.running(*words)
        for process in running:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return len(running)

    def unplug(self) -> None:
        """Take its link down: what is under way is lost, and nobody is told."""
        self.network.switched("link", "set", _link(self.name), "down")

    def plug(self) -> None:
        """Bring its link up again."""
        self.network.switched("link", "set", _link(self.name), "up")

    def moved(self) -> "Moved":
        """The bytes that it has sent and received over its link so far."""
        [link] = json.loads(self.network.switched("-s", "-j", "link", "show", _link(self.name)))
        return Moved(link["stats64"]["rx"]["bytes"], link["stats64"]["tx"]["bytes"])  # the switch receives what it sends

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "CI")}
        places = {"HOME": str(HERE), "TMPDIR": f"{HERE}/tmp", "DVC_SITE_CACHE_DIR": f"{HERE}/tmp/dvc"}
        python = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, **places, **python, **self.network.environment, **env}


@dataclass(frozen=True)
class Moved:
    """Bytes over a link, counted with their Ethernet and TCP headers."""

    sent: int
    received: int

    def __sub__(self, other: "Moved") -> "Moved":
        return Moved(self.sent - other.sent, self.received - other.received)


@dataclass
class Network:
    """The switch and its hosts by name. `environment`: variables of every process on them."""

    folder: Path
    switch: int
    hosts: dict[str, Host] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    begun: list["subprocess.Popen[str]"] = field(default_factory=list, repr=False)

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def switched(self, *arguments: str) -> str:
        """`ip` on the switch."""
        command = ["nsenter", "--target", str(self.switch), "--net", "ip", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def end(self) -> None:
        """End every process that was begun here and not waited for: a test that fails leaves some."""
        for process in self.begun:
            with process:
                process.kill()


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Hosts of these names that reach one another by name, until the block ends."""
    remove_leftovers()
    folder = FOLDERS / f"{PREFIX}{os.getpid()}-{next(_numbers)}"
    folder.mkdir()
    addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 1)}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = Network(folder, stack.enter_context(_keeper(("--net",), "while :; do sleep 1000 & wait; done")))
        stack.callback(made.end)
        made.switched("link", "add", "bridge", "type", "bridge")
        made.switched("link", "set", "bridge", "up")
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in addresses.items())]
        shared = folder / "shared"
        shared.mkdir()
        for name, address in addresses.items():
            disk = folder / name
            disk.mkdir()
            (disk / "etc-hosts").write_text("\n".join(lines) + "\n")
            boot = BOOT.format(disk=disk, shared=shared, here=HERE, name=name)
            pid = stack.enter_context(_keeper(NAMESPACES, boot))
            assert until((disk / "booted").exists, 120), f"{name} did not boot"
            made.hosts[name] = Host(name, address, disk, pid, made)
            _connect(made, made.hosts[name])
        yield made


def remove_leftovers() -> None:
    """Remove the folders of tests that were killed; their processes and links died with them."""
    for folder in FOLDERS.glob(f"{PREFIX}*"):
        if not Path(f"/proc/{folder.name.removeprefix(PREFIX).partition('-')[0]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _link(name: str) -> str:
    return f"to-{name}"


def _connect(made: Network, host: Host) -> None:
    inside = ("nsenter", "--target", str(host.pid), "--net", "ip")
    made.switched(*("link", "add", _link(host.name), "type", "veth", "peer", "name", "eth0", "netns", str(host.pid)))
    made.switched("link", "set", _link(host.name), "master", "bridge", "up")
    for words in (("addr", "add", f"{host.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
        subprocess.run([*inside, *words], check=True)


@contextmanager
def _keeper(namespaces: Sequence[str], script: str) -> Iterator[int]:
    """A process in new namespaces, by its number, until the block ends; with it ends all that is in them."""
    numbered = "--pid" in namespaces
    first = ("--fork", "--mount-proc", "--kill-child") if numbered else ()
    with subprocess.Popen(tied("unshare", *namespaces, *first, "bash", "-c", script)) as process:
        try:
            yield _child(process.pid) if numbered else _unshared(process.pid)
        finally:
            process.kill()


def _child(pid: int) -> int:
    """The process that `unshare --fork` started, once it has."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    assert until(lambda: children.read_text().split(), 120)
    return int(children.read_text().split()[0])


def _unshared(pid: int) -> int:
    """The same process, once its network is no longer ours."""
    ours = Path("/proc/self/ns/net").readlink()
    assert until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != ours, 120)
    return pid
