"""Programs that take memory until none is left, by every road: the cause is `memory`, and the next program is well."""

from collections.abc import Iterator

import pytest

from rollmill.pipelines.sandbox import AssertTests, Call, Calls, Sandbox, SandboxLimits, Script

pytestmark = [pytest.mark.security, pytest.mark.sandbox]

SMALL = SandboxLimits(cpu_seconds=2.0, wall_seconds=10.0, memory_mib=256, output_kib=256, disk_mib=4)
ROADS = {
    "objects": "held = []\nwhile True: held.append(bytearray(1 << 22))",
    "one object": "b'x' * (1 << 40)",
    "mmap": "import mmap\nheld = []\nwhile True: held.append(mmap.mmap(-1, 1 << 22))",
    "one mmap": "import mmap\nmmap.mmap(-1, 1 << 40)",
    "an own MemoryError": "class ArrayMemoryError(MemoryError): pass\nraise ArrayMemoryError('Unable to allocate 8. TiB')",
    "a list": "x = [0]\nwhile True: x = x + x",
    "ENOMEM": "import errno, os\nraise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), 'a name')",
}
OTHERS = {
    "no such file": "open('/nowhere')",
    "a text that only says so": "raise ValueError('[Errno 12] Cannot allocate memory')",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("strict", SMALL) as box:
        yield box


def function(source: str) -> str:
    return "def f(x):\n" + "".join(f"    {line}\n" for line in source.split("\n"))


@pytest.mark.parametrize("road", ROADS)
def test_memory_that_is_refused_is_the_cause(sandbox: Sandbox, road: str) -> None:
    source = ROADS[road]
    assert sandbox.run(Script(source)).cause == "memory"
    assert sandbox.run(Calls(function(source), (Call("f", (1,)),))).cause == "memory"
    assert sandbox.run(Calls(source, (Call("f", (1,)),))).cause == "memory"
    tested = sandbox.run(AssertTests(function(source), "assert f(1) == 1", "f"))
    assert [tested.cause, *(result.status for result in tested.results)] == ["memory", "error"]
    assert sandbox.run(Script("print(1)")).stdout == "1\n"


@pytest.mark.parametrize("road", OTHERS)
def test_other_errors_keep_their_cause(sandbox: Sandbox, road: str) -> None:
    assert sandbox.run(Script(OTHERS[road])).cause == "runtime_error"
    tested = sandbox.run(AssertTests(function(OTHERS[road]), "assert f(1) == 1", "f"))
    assert tested.cause == "runtime_error"


def test_processes_and_threads_that_are_refused_harm_nobody(sandbox: Sandbox) -> None:
    for source in (
        "import os\nwhile True: os.fork()",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    ):
        assert sandbox.run(Script(source)).cause in ("runtime_error", "sandbox_violation", "memory")
        assert sandbox.run(Script("print(1)")).stdout == "1\n"


def test_a_caller_that_expects_the_error_of_mmap_gets_it(sandbox: Sandbox) -> None:
    tests = "try:\n    f(1)\nexcept OSError as error:\n    assert '[Errno 12]' in str(error)\nelse:\n    assert False"
    assert sandbox.run(AssertTests(function(ROADS["one mmap"]), tests, "f")).cause is None
