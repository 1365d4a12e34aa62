"""Nothing that one program does reaches the verdict of the next one in the same box, whatever it leaves behind."""

from dataclasses import replace
from typing import Any

import pytest

from rollmill.pipelines.sandbox import AssertTests, Sandbox, SandboxLimits, Script
from rollmill.pipelines.sandbox.box import Box, BoxBroken
from rollmill.pipelines.sandbox.programs import Mode

pytestmark = pytest.mark.sandbox
HONEST = (
    "import random, tempfile, os\n"
    "def f(x):\n    with tempfile.TemporaryFile() as file:\n        return x + file.write(b'1')"
)
TESTS = "assert f(1) == 2\nassert f(41) == 42"
SHADOW = "'def TemporaryFile(*a): raise OSError'"
SYSCALL = "import ctypes\nlibc = ctypes.CDLL(None)\n"
LEFT_BEHIND = {
    "no right on the folder": "os.chmod('/tmp', 0)",
    "no right on its own folder": "import tempfile\nos.chmod(tempfile.gettempdir(), 0o100)",
    "rights and back": "os.chmod('/tmp', 0)\nos.chmod('/tmp', 0o700)",
    "a folder without rights": "os.makedirs('/tmp/a/b')\nos.chmod('/tmp/a', 0)",
    "another time": "os.utime('/tmp', (0, 0))",
    "an attribute": "os.setxattr('/tmp', 'user.answer', b'42')",
    "a file": "open('/tmp/answer', 'w').write('42')",
    "modules": f"for name in ('tempfile', 'random', 'os', 'typing'):\n    open(f'/tmp/{{name}}.py', 'w').write({SHADOW})",
    "links": "os.symlink('/', '/tmp/root')\nos.symlink('/tmp/x', '/tmp/tmp')",
    "a pipe": "os.mkfifo('/tmp/stdin')",
    "a full disk": "f = open('/tmp/big', 'wb')\nf.truncate(1 << 20)\nf.write(b'x' * (8 << 20))",
    "no more names": "[open(f'/tmp/{i}', 'w').close() for i in range(5000)]",
    "the folder removed": "os.chdir('/')\nos.rmdir('/tmp')",
    "the folder renamed": "os.rename('/tmp', '/tmp2')",
    "open descriptors": "keep = [open('/tmp/x%d' % i, 'w') for i in range(200)]",
    "closed descriptors": "os.closerange(0, 256)",
    "noise on every descriptor": "for fd in range(256):\n    try: os.write(fd, b'\\x01\\0\\0\\0!')\n    except OSError: 0",
    "a lock": "import fcntl\nf = open(os.__file__)\nfcntl.flock(f, fcntl.LOCK_EX)",
    "shared memory": SYSCALL + "libc.shmget(7, 4096, 0o1666)\nlibc.semget(7, 1, 0o1666)\nlibc.msgget(7, 0o1666)",
    "a message queue": SYSCALL + "libc.mq_open(b'/q', 0o102, 0o666, None)",
    "a low priority": "os.nice(19)\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])",
    "small limits": "import resource\nfor which in range(16):\n    resource.setrlimit(which, (1, 1))",
    "a mask": "os.umask(0o777)\nos.chdir('/')",
    "an alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)",
    "signals ignored": "import signal\n[signal.signal(s, signal.SIG_IGN) for s in range(1, 32) if s not in (9, 19)]",
    "signals to everybody": "for pid in (-1, 0, 1, 2, 3, os.getppid()):\n    [os.kill(pid, s) for s in (19, 15, 9)]",
    "a stopped process": "os.kill(os.getpid(), 19)",
    "builtins": "import builtins\nbuiltins.len = builtins.isinstance = builtins.open = lambda *a: 1",
    "patched modules": "import random, tempfile\ntempfile.TemporaryFile = None\nsys.modules.clear()",
    "environment": "os.environ.clear()\nos.environ['TMPDIR'] = '/nowhere'\nos.environ['PYTHONHASHSEED'] = '7'",
    "recursion": "sys.setrecursionlimit(60)\nimport gc\ngc.disable()",
    "threads": "import threading, time\n[threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(20)]",
    "memory": "keep = []\nwhile True:\n    keep.append(bytearray(1 << 20))",
    "children": "while True:\n    os.fork()",
    "a session of its own": "os.setsid()",
    "endless": "while True: pass",
    "a namespace": SYSCALL + "libc.unshare(0x10000000)",
    "a mount": SYSCALL + "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "an end": "os._exit(71)",
}


@pytest.fixture(scope="module", params=["strict", "shared"])
def one_box(request: pytest.FixtureRequest) -> object:
    mode: Mode = request.param
    with Sandbox(
        mode, SandboxLimits(cpu_seconds=0.3, wall_seconds=1.0, memory_mib=256, output_kib=64, disk_mib=4), workers=1
    ) as box:
        yield box


def honest(box: Sandbox) -> tuple[object, ...]:
    report = box.run(AssertTests(HONEST, TESTS, "f"))
    return report.cause, *(result.status for result in report.results)


@pytest.mark.parametrize("kind", LEFT_BEHIND)
def test_the_next_program_is_judged_as_if_nothing_had_been_before(one_box: Sandbox, kind: str) -> None:
    before = (
        "import os, sys\ntry:\n"
        + "".join(f"    {line}\n" for line in LEFT_BEHIND[kind].split("\n"))
        + "except (OSError, ValueError): pass\n"
    )
    assert honest(one_box) == (None, "passed", "passed")
    one_box.run(Script(before))
    assert honest(one_box) == (None, "passed", "passed")
    one_box.run(AssertTests(before + HONEST, TESTS, "f"))
    assert honest(one_box) == (None, "passed", "passed")
    one_box.run(
        AssertTests(HONEST + "\n" + "def g():\n" + "".join(f"    {line}\n" for line in before.split("\n")), "g()", "g")
    )
    assert honest(one_box) == (None, "passed", "passed")


@pytest.mark.parametrize("mode", ["strict", "shared"])
def test_a_process_that_ends_before_its_program_is_the_failure_of_the_box(
    mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system call filter that the kernel refuses: no program is blamed for it."""
    from rollmill.pipelines.sandbox import box as boxes
    from rollmill.pipelines.sandbox.launch import launch as started

    def with_a_bad_filter(*arguments: Any) -> Any:
        made = started(*arguments)
        return replace(made, settings=made.settings._replace(program_filter=b"\0" * 7))

    monkeypatch.setattr(boxes, "launch", with_a_bad_filter)
    broken = Box(mode, SandboxLimits())
    try:
        with pytest.raises(BoxBroken, match="ended before there was a program in it"):
            broken.run(("script", "print(1)", ("", None)))
    finally:
        broken.close()
