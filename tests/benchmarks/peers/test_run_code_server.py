"""Programs run as SandboxFusion runs them: statuses, limits, what is left behind; and the verifier that asks the server."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from benchmarks.peers.run_code_server import OUTPUT, RunCodeServer, run_code
from rollmill.ground.records import Completion, Problem

PROBLEM = Problem(
    "def twice(n):\n", "", "code", ("def check(candidate):\n    assert candidate(3) == 6\n",), meta={"entry_point": "twice"}
)


def completion(text: str) -> Completion:
    return Completion("c", PROBLEM.prompt_id, "e", "m", "", "curate", 0, None, text, "stop")


def test_a_program_runs_in_a_folder_of_its_own_and_its_exit_status_decides() -> None:
    seen = [run_code({"code": "import os\nopen('left', 'w')\nprint(os.getcwd(), sorted(os.listdir()))"}) for _ in range(2)]
    assert [reply["status"] for reply in seen] == ["Success", "Success"]
    folders = [reply["run_result"]["stdout"].split(" ", 1) for reply in seen]
    assert folders[0][0] != folders[1][0]
    assert [files for _, files in folders] == ["['left', 'main.py']\n"] * 2
    failed = run_code({"code": "import sys\nsys.stderr.write(input())\nsys.exit(3)", "stdin": "said\n"})
    assert (failed["status"], failed["run_result"]["return_code"]) == ("Failed", 3)
    assert failed["run_result"]["stderr"] == "said"
    assert run_code({"code": "\ud800"})["status"] == "SandboxError"


def test_time_memory_and_output_have_limits() -> None:
    begun = time.monotonic()
    late = run_code({"code": "print('begun', flush=True)\nwhile True: pass", "run_timeout": 0.5})
    assert (late["status"], late["run_result"]["status"]) == ("Failed", "TimeLimitExceeded")
    assert late["run_result"]["stdout"] == "begun\n"
    holds = "import subprocess\nsubprocess.Popen(['sleep', '60'])"  # whose output is this program's, still open
    assert run_code({"code": holds, "run_timeout": 0.5})["run_result"]["status"] == "TimeLimitExceeded"
    assert time.monotonic() - begun < 30
    assert run_code({"code": "bytearray(1 << 30)", "memory_limit_MB": 200})["status"] == "Failed"
    assert len(run_code({"code": "print('x' * 3_000_000)"})["run_result"]["stdout"]) == OUTPUT


@pytest.fixture
def server() -> Iterator[RunCodeServer]:
    with closing(RunCodeServer(5.0, contained=False)) as started:
        yield started


@pytest.mark.integration
def test_the_verifier_asks_for_program_and_tests_in_one_file(server: RunCodeServer) -> None:
    texts = ["```python\ndef twice(n):\n    return 2 * n\n```", "    return 2 * n\n", "    return n\n"]
    outcomes = [server.verify(PROBLEM, completion(text)).outcome for text in texts]
    assert outcomes == ["correct", "correct", "incorrect"]
    assert server.verify(PROBLEM, completion("    import os\n    os._exit(0)\n")).outcome == "correct"  # a false accept
    assert server.verify(PROBLEM, completion("    import os\n    os.kill(os.getppid(), 9)\n")).outcome == "undecided"
    assert server.verify(PROBLEM, completion("    return 2 * n\n")).outcome == "correct"  # by a server that began anew


@pytest.mark.sandbox
def test_one_container_is_around_the_server() -> None:
    with closing(RunCodeServer(5.0)) as server:
        assert server.ask("open('/etc/left', 'w')")["status"] == "Failed"
        assert (
            server.ask("import os\nprint(len([n for n in os.listdir('/proc') if n.isdigit()]) < 9)")["run_result"]["stdout"]
            == "True\n"
        )
