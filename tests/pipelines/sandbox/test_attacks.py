# ruff: noqa: E501 - an attack is best read in one piece
"""Every attack is a program under test that wants more than a verdict. None gets it, and the next program is unaffected."""

import socket
import time
from pathlib import Path

import psutil
import pytest

from rollmill.pipelines.sandbox import AssertTests, Call, Calls, Sandbox, SandboxLimits, Script
from tests.pipelines.sandbox.conftest import SECRET, all_text, well
from tests.waiting import until

pytestmark = pytest.mark.sandbox

LIBC = "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
USES_UP = {
    "fork bomb": ("import os\nwhile True:\n    os.fork()", {"sandbox_violation"}),
    "fork by ctypes": (LIBC + "while True:\n    libc.fork()", {"sandbox_violation"}),
    "thread bomb": (
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(9,)).start()",
        {"runtime_error", "memory", "timeout"},
    ),
    "memory bomb": ("x = []\nwhile True:\n    x.append(bytearray(1 << 20))", {"memory"}),
    "memory at once": ("x = bytearray(1 << 40)", {"memory"}),
    "memory in a kernel object": (
        "import os\nfd = os.memfd_create('x')\nos.write(fd, b'x' * (1 << 29))",
        {"runtime_error"},
    ),
    "memory in pipes": (
        "import os, fcntl\nwhile True:\n    r, w = os.pipe()\n    fcntl.fcntl(w, 1031, 1 << 20)\n    os.write(w, b'x' * (1 << 20))",
        {"runtime_error", "timeout"},
    ),
    "disk fill": ("n = 0\nwhile True:\n    open(f'f{n}', 'wb').write(b'x' * (1 << 20))\n    n += 1", {"runtime_error"}),
    "one large file": ("f = open('f', 'wb')\nwhile True:\n    f.write(b'x' * (1 << 20))", {"runtime_error"}),
    "many small files": ("n = 0\nwhile True:\n    open(f'f{n}', 'w').close()\n    n += 1", {"runtime_error"}),
    "1 GB of output": ("import os\nfor _ in range(1024):\n    os.write(1, b'x' * (1 << 20))", {"output_limit"}),
    "1 GB of errors": ("import os\nfor _ in range(1024):\n    os.write(2, b'x' * (1 << 20))", {"output_limit"}),
    "endless loop": ("while True:\n    pass", {"timeout"}),
    "endless loop that ignores every signal": (
        "import signal\nfor s in range(1, 65):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n"
        "        pass\nwhile True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        {"timeout"},
    ),
    "endless sleep": ("import time\nwhile True:\n    time.sleep(1000)", {"timeout"}),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n):\n    return f(n + 1)\nf(0)",
        {"runtime_error", "memory", "timeout"},
    ),
    "a power tower": ("x = 10 ** 10 ** 10", {"timeout", "memory"}),
    "a syntax tree too deep": ("x = " + "(" * 5000 + ")" * 5000, {"compile_error"}),
    "descriptors": ("import os\nwhile True:\n    os.open('.', 0)", {"runtime_error"}),
}
FORBIDDEN = {
    "network connect": "import socket\ns = socket.socket()\ns.connect(('127.0.0.1', 80))",
    "unix socket": "import socket\nsocket.socket(socket.AF_UNIX)",
    "packets": "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "subprocess": "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'id'])",
    "system": "import os\nos.system('id')",
    "exec": "import os\nos.execv('/usr/bin/python3', ['python3'])",
    "ptrace": LIBC + "libc.ptrace(16, os.getppid(), 0, 0)",
    "another's memory": LIBC + "libc.process_vm_readv(os.getppid(), None, 0, None, 0, 0)",
    "mount": LIBC + "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "unmount": LIBC + "libc.umount2(b'/tmp', 2)",
    "a new user namespace": LIBC + "libc.unshare(0x10000000)",
    "clone into a user namespace": LIBC + "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)",
    "setns": LIBC + "libc.setns(0, 0)",
    "chroot": "import os\nos.chroot('/tmp')",
    "bpf": LIBC + "libc.syscall(321, 0, 0, 0)",
    "keyctl": LIBC + "libc.syscall(250, 0, 0, 0)",
    "io_uring": LIBC + "libc.syscall(425, 8, 0)",
    "userfaultfd": LIBC + "libc.syscall(323, 0)",
    "perf": LIBC + "libc.syscall(298, 0, 0, -1, -1, 0)",
    "pidfd_getfd": LIBC + "libc.syscall(438, 3, 1, 0)",
    "the 32-bit calls": LIBC + "libc.syscall(0x40000000 + 39)",
    "personality": LIBC + "libc.personality(0)",
    "a second filter": LIBC + "libc.syscall(317, 1, 0, 0)",
}
READS = {
    "/etc/passwd": "open('/etc/passwd').read()",
    "/etc/shadow": "open('/etc/shadow').read()",
    "the parent's memory": "open('/proc/1/mem', 'rb').read()",
    "its own descriptors": "__import__('os').listdir('/proc/self/fd')",
    "root's home": "__import__('os').listdir('/root/.ssh')",
    "a path upwards": "open('../../../../../etc/hostname').read()",
    "sys": "__import__('os').listdir('/sys')",
    "devices": "open('/dev/mem', 'rb').read(1)",
    "a handle": "__import__('os').open('/', 0) and __import__('os').listdir('/home')",
    "writing beside": "open('/written', 'w').write('x')",
    "writing to the library": "open(__import__('os').__file__, 'a').write('x')",
    "writing to devices": "open('/dev/x', 'w').write('x')",
    "a symlink out": "__import__('os').symlink('/etc/passwd', 'p') or open('p').read()",
    "a symlink to proc": "__import__('os').symlink('/proc/self/root/etc/passwd', 'q') or open('q').read()",
    "a device node": "__import__('os').mknod('n', 0o20666, 0x101)",
    "a hard link": "__import__('os').link('/usr/lib/os-release', 'l')",
    "making the library writable": "__import__('os').chmod('/usr/lib', 0o777)",
    "raising a limit": "__import__('resource').setrlimit(7, (99999, 99999))",
    "becoming root": "__import__('os').setuid(0)",
}


@pytest.mark.parametrize("name", USES_UP)
def test_using_everything_up(sandbox: Sandbox, name: str) -> None:
    source, causes = USES_UP[name]
    started = time.monotonic()
    report = sandbox.run(Script(source))
    assert report.cause in causes, report.detail
    assert time.monotonic() - started < 60
    assert len(report.stdout) <= (sandbox.limits.output_kib + 128) << 10
    assert well(sandbox)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_calls(sandbox: Sandbox, name: str) -> None:
    report = sandbox.run(Script(FORBIDDEN[name] + "\nprint('done')"))
    assert report.cause == "sandbox_violation"
    assert report.stdout == ""
    assert well(sandbox)


@pytest.mark.parametrize("name", READS)
def test_reading_and_writing_what_is_not_its_own(sandbox: Sandbox, name: str) -> None:
    report = sandbox.run(Script(f"print('got', {READS[name]})"))
    assert report.cause == "runtime_error"
    assert report.stdout == ""
    assert report.detail.split(":")[0] in (
        "FileNotFoundError", "PermissionError", "OSError", "ValueError", "ProcessLookupError"
    )  # fmt: skip
    assert well(sandbox)


def test_the_environment_holds_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.write_text(SECRET)
    hidden.chmod(0o644)
    source = f"import os, sys\nprint(dict(os.environ), os.path.exists({str(hidden)!r}), sys.argv, os.listdir('/'))"
    report = sandbox.run(Script(source))
    assert report.cause is None
    assert SECRET not in all_text(report)
    assert "ROLLMILL" not in all_text(report)
    assert " False " in report.stdout


def test_no_descriptor_is_inherited(sandbox: Sandbox) -> None:
    source = "import os\nfound = []\nfor fd in range(3, 256):\n    try:\n        found.append(os.fstat(fd).st_mode >> 12)\n"
    report = sandbox.run(Script(source + "    except OSError:\n        pass\nprint(found)"))
    assert report.stdout == "[12]\n"  # one socket: the channel to the keeper, which carries only its own words


def test_a_listening_host_is_not_reached(sandbox: Sandbox) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        port = server.getsockname()[1]
        report = sandbox.run(Script(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)"))
        assert report.cause == "sandbox_violation"
        with pytest.raises(TimeoutError):
            server.accept()


def test_killing_everything_in_reach_hurts_nobody(sandbox: Sandbox) -> None:
    source = (
        "import os\nfor pid in [os.getppid(), -1, 0, 2, 3, 4, 5, *range(6, 300)]:\n    for s in (15, 9):\n        try:\n"
    )
    source += "            os.kill(pid, s)\n        except OSError:\n            pass\nprint('alive')"
    report = sandbox.run(Script(source))
    assert report.cause in (None, "runtime_error")
    assert well(sandbox)


def test_daemons_do_not_stay(sandbox: Sandbox) -> None:
    limits = SandboxLimits(cpu_seconds=1.5, wall_seconds=5, memory_mib=512, processes=4)
    source = (
        "import os, time, sys\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        sys.stdout.flush()\n"
    )
    source += "        for fd in range(3):\n            os.close(fd)\n        time.sleep(1000)\n    os._exit(0)\nos.wait()\nprint('left')"
    with Sandbox(sandbox.mode, limits) as several:
        assert several.run(Script("print(1)")).cause is None
        running = len(psutil.Process().children(recursive=True)) + 1  # its process of tests, for the last line
        for _ in range(5):
            assert several.run(Script(source)).stdout == "left\n"
        assert until(lambda: len(psutil.Process().children(recursive=True)) <= running, 10)
        assert well(several)


def test_a_fork_bomb_that_may_fork_is_bounded(sandbox: Sandbox) -> None:
    with Sandbox(sandbox.mode, SandboxLimits(cpu_seconds=1, wall_seconds=4, memory_mib=256, processes=4)) as several:
        report = several.run(
            Script("import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass")
        )
        assert report.cause == "timeout"
        assert well(several)


def test_a_memory_bomb_of_several_processes_is_bounded(sandbox: Sandbox) -> None:
    with Sandbox(sandbox.mode, SandboxLimits(cpu_seconds=3, wall_seconds=6, memory_mib=256, processes=4)) as several:
        source = "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        break\nx = []\nwhile True:\n    x.append(bytearray(1 << 20))"
        report = several.run(Script(source))
        assert report.cause in ("memory", "timeout")
        assert well(several)


def test_poison_does_not_reach_the_next_program(sandbox: Sandbox) -> None:
    poison = (
        "import builtins, sys, os, gc, math, collections\n"
        "builtins.sorted = lambda x: [0]\nbuiltins.len = lambda x: 0\nbuiltins.__import__ = None\nsys.modules.clear()\n"
        "sys.setrecursionlimit(50)\nmath.sqrt = None\nos._exit = lambda x: None\nopen('left', 'w').write('x')\nos.umask(0)\n"
        "sys.settrace(lambda *a: 1 / 0)\nsys.setprofile(lambda *a: None)\nsys.path.insert(0, '/tmp')\n"
        "for o in gc.get_objects():\n    if type(o) is dict and 'f' in o:\n        o.clear()\n"
        "open('math.py', 'w').write('sqrt = None')\n"
    )
    for program in (Script(poison), AssertTests(poison + "def f(x):\n    return 9", "assert f([3, 9, 4]) == 9", "f")):
        sandbox.run(program)
        assert well(sandbox)
        report = sandbox.run(Script("import os, math\nprint(os.listdir('.'), math.sqrt(4), len([1]), sorted([2, 1]))"))
        assert report.stdout == "[] 2.0 1 [1, 2]\n"


SEARCH = """
import ctypes, gc, os
hidden = bytes({hidden})
table = bytes(i ^ 85 for i in range(256))
libc = ctypes.CDLL(None)
reading, writing = os.pipe()
PAGE = 4096
vec = (ctypes.c_ubyte * 1)()
def holds(address):
    if libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), vec) != 0:
        return False
    if libc.write(writing, ctypes.c_void_p(address), ctypes.c_size_t(PAGE)) != PAGE:
        return False
    return hidden in os.read(reading, PAGE).translate(table)
def f(plant):
    planted = hidden.translate(table) if plant else b""
    places = {{id(o) >> 26 for o in gc.get_objects()}} | {{ctypes.addressof(vec) >> 26, id(planted) >> 26}}
    return sum(holds(page) for place in places for page in range(place << 26, (place + 1) << 26, PAGE)), len(places)
"""


def search_for(text: str) -> str:
    """A program whose f counts the pages of its own memory that hold a text, without holding it itself unless it plants it."""
    return SEARCH.format(hidden=[byte ^ 85 for byte in text.encode()])


def test_no_trace_of_earlier_jobs_is_left_in_the_memory_of_a_program(sandbox: Sandbox) -> None:
    marker, other = "expected-fsbwkp", "source-czmiqa"
    honest = AssertTests(
        f"# {other}\ndef f(x):\n    print('{other}')\n    return x", f"assert f('{marker}') == '{marker}'", "f"
    )
    with Sandbox(sandbox.mode, SandboxLimits(cpu_seconds=10, wall_seconds=30)) as patient:
        for _ in range(3):
            assert patient.run(honest).cause is None
        for text in (marker, other):
            report = patient.run(Calls(search_for(text), (Call("f", (False,)), Call("f", (True,)))))
            assert [result.status for result in report.results] == ["returned", "returned"], report.detail
            assert report.results[0].value[0] == 0
            assert report.results[1].value[0] > 0


def test_expected_values_of_its_own_tests_are_not_in_its_process(sandbox: Sandbox) -> None:
    with Sandbox(sandbox.mode, SandboxLimits(cpu_seconds=10, wall_seconds=30)) as patient:
        tests = "assert f(False)[0] == 0\nassert f(True)[0] > 0\nassert 'expected-jbzgnc'"
        report = patient.run(AssertTests(search_for("expected-jbzgnc"), tests, "f"))
        assert [result.status for result in report.results] == ["passed", "passed", "passed"], report.detail
