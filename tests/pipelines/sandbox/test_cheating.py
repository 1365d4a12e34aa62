# ruff: noqa: E501 - an attack is best read in one piece
"""Programs that want to pass without being right: the verdict is made where they cannot reach."""

import time

import pytest

from rollmill.pipelines.sandbox import AssertTests, Call, Calls, Sandbox
from tests.pipelines.sandbox.conftest import well

pytestmark = pytest.mark.sandbox

TESTS = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(3) == 9\n    assert not candidate(0)\n"
EQUAL = "class E:\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n"
EQUAL += "    def __bool__(self):\n        return True\n    __hash__ = object.__hash__\n"
CHEATS = {
    "an object that equals everything": EQUAL + "def f(x):\n    return E()",
    "an int that equals everything": "class E(int):\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\ndef f(x):\n    return E(77)",
    "a str that equals everything": "class E(str):\n    __eq__ = lambda s, o: True\ndef f(x):\n    return E('4')",
    "a list that equals everything": "class E(list):\n    __eq__ = lambda s, o: True\ndef f(x):\n    return E([4])",
    "within a list": EQUAL + "def f(x):\n    return [E()]",
    "os._exit(0)": "import os\ndef f(x):\n    os._exit(0)",
    "os._exit(0) at import": "import os\nos._exit(0)\ndef f(x):\n    return 4",
    "sys.exit in a test": "import sys\ndef f(x):\n    sys.exit(0)",
    "sys.exit at import": "import sys\nsys.exit(0)",
    "KeyboardInterrupt": "def f(x):\n    raise KeyboardInterrupt",
    "AssertionError": "def f(x):\n    raise AssertionError",
    "StopIteration": "def f(x):\n    raise StopIteration",
    "walking frames": "import sys\ndef f(x):\n    g = sys._getframe()\n    while g:\n        for n, v in list(g.f_locals.items()):\n"
    "            if isinstance(v, list):\n                v.append('passed')\n            if isinstance(v, dict):\n                v['passed'] = True\n"
    "        g = g.f_back\n    return 1",
    "hunting objects": "import gc\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, list):\n            o.append('passed')\n    return 1",
    "patching builtins": "import builtins\nbuiltins.AssertionError = Exception\nbuiltins.all = builtins.any = lambda x: True\ndef f(x):\n    return 1",
    "patching the comparison": "import operator, builtins\noperator.eq = lambda a, b: True\ndef f(x):\n    return 1\ndef check(c):\n    pass",
    "defining the tests itself": "def check(candidate):\n    pass\n__rollmill_passed__ = print\ndef f(x):\n    return 1",
    "tracing": "import sys\ndef t(frame, event, arg):\n    for k in frame.f_locals:\n        frame.f_locals[k] = 4\n    return t\n"
    "sys.settrace(t)\ndef f(x):\n    return 1",
    "forging replies": "import os\nfor fd in range(3, 64):\n    try:\n        for _ in range(9):\n            os.write(fd, b'\\x02\\0\\0\\0vT')\n"
    "    except OSError:\n        pass\ndef f(x):\n    return 1",
    "forging a report": "import os\nm = b'(\\x02\\0\\0\\0s\\x03\\0\\0\\0endN'\nfor fd in range(0, 64):\n    try:\n"
    "        os.write(fd, len(m).to_bytes(4, 'little') + m + b'\\x01\\0\\0\\0.')\n    except OSError:\n        pass\nos._exit(0)",
    "forging a report from within": "import os, sys\ndef f(x):\n    m = sys.modules['rollmill.pipelines.sandbox.guest.wire'].encode(('result', 0, 'passed', ''))\n"
    "    for fd in range(3, 64):\n        try:\n            os.write(fd, len(m).to_bytes(4, 'little') + m)\n        except OSError:\n            pass\n    os._exit(0)",
    "closing descriptors": "import os\ndef f(x):\n    os.closerange(0, 256)\n    return 4",
    "a reply of 1 GB": "import os\ndef f(x):\n    os.write(3, b'\\xff\\xff\\xff\\x3f')\n    while True:\n        os.write(3, b'x' * (1 << 20))",
    "a value of 1 GB": "def f(x):\n    return 'x' * (100 << 20)",
    "a reply nested deeply": "def f(x):\n    v = []\n    for _ in range(100000):\n        v = [v]\n    return v",
    "forged nesting": "import os\ndef f(x):\n    m = b'v' + b'[\\x01\\0\\0\\0' * 200000 + b'N'\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, len(m).to_bytes(4, 'little') + m)\n        except OSError:\n            pass\n    while True:\n        pass",
    "garbage": "import os\ndef f(x):\n    for fd in range(3, 64):\n        try:\n            os.write(fd, b'\\x05\\0\\0\\0vzzzz')\n        except OSError:\n"
    "            pass\n    while True:\n        pass",
    "not a number": "def f(x):\n    return float('nan')",
    "infinity": "def f(x):\n    return float('inf')",
    "no function": "x = 1",
    "a lying repr and hash": "class E:\n    __repr__ = lambda s: '4'\n    __hash__ = lambda s: hash(4)\n    __index__ = __int__ = lambda s: 4\ndef f(x):\n    return E()",
    "the exception's text": "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\ndef f(x):\n    raise E",
    "an exception that is named passed": "passed = type('passed', (Exception,), {})\ndef f(x):\n    raise passed('passed')",
    "a metaclass": "class M(type):\n    def __eq__(s, o):\n        return True\n    __hash__ = type.__hash__\nclass E(metaclass=M):\n    pass\ndef f(x):\n    return E",
    "waiting for the end": "import os, time\ndef f(x):\n    time.sleep(100)\n    return 4",
    "marking the exception": "class E(Exception):\n    __rollmill__ = 'passed'\ndef f(x):\n    raise E('passed')",
}


@pytest.mark.parametrize("name", CHEATS)
def test_no_cheat_passes(sandbox: Sandbox, name: str) -> None:
    started = time.monotonic()
    report = sandbox.run(AssertTests(CHEATS[name], TESTS, "f"))
    assert report.cause is not None
    assert all(result.status != "passed" for result in report.results[:2])
    assert any(result.status in ("failed", "error") for result in report.results)
    assert time.monotonic() - started < 60
    assert well(sandbox)


def test_catching_everything_in_a_test_does_not_hide_a_dead_program(sandbox: Sandbox) -> None:
    tests = "try:\n    f(-1)\n    ok = False\nexcept BaseException:\n    ok = True\nassert ok"
    assert sandbox.run(AssertTests("def f(x):\n    raise ValueError", tests, "f")).cause is None
    assert sandbox.run(AssertTests("import os\ndef f(x):\n    os._exit(0)", tests, "f")).cause == "runtime_error"


@pytest.mark.parametrize("name", [name for name in CHEATS if "at import" not in name and name != "forging a report"])
def test_calls_give_no_right_value_either(sandbox: Sandbox, name: str) -> None:
    report = sandbox.run(Calls(CHEATS[name], (Call("f", (2,)), Call("f", (3,)))))
    assert [result.value for result in report.results] != [4, 9]
    assert not any(type(result.value) is int and result.value == 9 for result in report.results)
    assert well(sandbox)
