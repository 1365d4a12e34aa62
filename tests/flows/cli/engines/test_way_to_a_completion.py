"""From the verb `curate` to a sampled completion: few enough calls to be read in one sitting."""

import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import pytest

from rollmill.ground.records import Completion, Request
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: few
seed: 1
problems: {synthesize: templates, count: 2}
generate: {engine: embedded, max_tokens: 8}
verify: [{method: number}]
budget: {method: fixed, options: {initial: 1}}
select: {method: quota}
"""
PRODUCT = [str(ROOT / "rollmill" / name) for name in ("flows", "pipelines", "storage")]
EXECUTOR = ("all_stages", "stage")  # Direct's, which call what they are given
Call = tuple[str, str]  # file and function
CURATE, ROUND = ("flows/cli/make/curate.py", "curate"), ("flows/rounds/run.py", "round_parts")


def calls_on(frame: FrameType | None) -> list[Call]:
    """The product's functions on a stack, outermost first."""
    calls: list[Call] = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(tuple(PRODUCT)):
            calls.insert(0, (str(Path(code.co_filename).relative_to(ROOT / "rollmill")), code.co_name))
        frame = frame.f_back
    return calls


def test_ten_calls_over_six_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    """Counted on the stacks of the command and of the thread that draws, when the engine is first asked."""
    stacks: list[tuple[list[Call], list[Call]]] = []
    generate, command = Embedded.generate, threading.get_ident()

    def watched(engine: Embedded, requests: Sequence[Request]) -> Iterator[Completion]:
        stacks.append((calls_on(sys._current_frames()[command]), calls_on(sys._getframe(1))))
        return generate(engine, requests)

    monkeypatch.setattr(Embedded, "generate", watched)
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    Path("few.yaml").write_text(RECIPE)
    assert rollmill("curate", "few.yaml", "--direct").status == 1  # two completions pass no gate
    of_command, of_thread = stacks[0]
    way = of_command[of_command.index(CURATE) + 1 : of_command.index(ROUND) + 1]
    assert of_thread.pop(0) == ("flows/sampling/control.py", "guarded")  # around the body of any thread of a round
    way += of_thread
    way = [call for call in way if call[1] not in EXECUTOR]
    assert len(way) + 1 <= 10, way  # with the engine's own
    assert len({file for file, _ in way}) <= 6, way
    told = (ROOT / CURATE[0]).read_text().split('"""')[1]
    assert [name for _, name in way if not re.search(rf"[`.]{name}`", told)] == []
