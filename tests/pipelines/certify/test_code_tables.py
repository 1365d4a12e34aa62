"""The programs of the code suite are filed right: run here directly, since these are ours and harmless."""

import contextlib
import inspect
import io
from typing import Any

import pytest

from rollmill.pipelines.certify.code_suite import code_rows, programs
from rollmill.pipelines.certify.suite_rows import MARKS
from rollmill.pipelines.certify.tables.code_tasks import TASKS, CodeTask

BY_NAME = {task.name: task for task in TASKS}


def passes(task: CodeTask, source: str) -> bool:
    scope: dict[str, Any] = {"__name__": "program"}
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(source, scope)
            for args, value in task.calls:
                got = scope[task.name](*args)
                if inspect.iscoroutine(got):
                    got.close()
                if got != value:
                    return False
    except Exception:
        return False
    return True


@pytest.mark.parametrize("file", ["right", "wrong"])
def test_right_programs_pass_their_tests_and_wrong_ones_fail(file: str) -> None:
    filed = programs(file)
    assert len(filed) >= 30
    assert [source for name, source in filed if passes(BY_NAME[name], source) != (file == "right")] == []


def test_bodies_complete_their_prompts() -> None:
    for name, body in programs("bodies"):
        assert passes(BY_NAME[name], BY_NAME[name].prompt + body)


def test_every_attack_has_a_name_of_its_own_and_its_marks_are_known() -> None:
    for file in ("always_equal", "tampering", "poisoning", "escapes", "leaks", "endless", "growing", "dying"):
        names = [name for name, _ in programs(file)]
        assert len(set(names)) == len(names) > 5
    for row in code_rows():
        left = row.text
        for mark in MARKS:
            left = left.replace(mark, "")
        assert "@FILE" not in left
        assert "@PORT" not in left


def test_attacks_send_no_signal_beyond_their_group() -> None:
    for row in code_rows():
        assert "os.kill(-1" not in row.text
        assert "kill(1," not in row.text
