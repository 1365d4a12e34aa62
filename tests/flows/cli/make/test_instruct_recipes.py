"""The recipes for models that follow instructions, with a real one: SmolLM2-135M-Instruct behind vLLM (make instruct).

A model of that size is mostly wrong, and that is of use here: critiques without a verdict, programs that end in an error,
votes that cannot be read.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run
from tests.flows.written.step_versions import Made, depth_of, read

pytestmark = [pytest.mark.vllm, pytest.mark.long]
MODEL = "models/smollm2-135m-instruct"
SMALL = (
    *("problems.count=6", "problems.options.levels=[1,2]", "generate.max_tokens=160"),
    *("gate.min_kept=0", "gate.max_undecided=1"),
)


def tools(made: Made) -> None:
    """What answers has seen what its program printed; a text without a program is not run."""
    assert {made.before(row, "ran").after for row in made.of("answer")} <= {(row.id,) for row in made.of("write")}
    for row in made.of("ran"):
        assert "failed" in row.meta or "```" in made.before(row, "write").text  # a block of another language fails too


def self_refine(made: Made) -> None:
    """A critique is followed where it can be read and finds fault, twice at most after the first."""
    followed = {key for row in made.rows.values() if row.step == "refine" for key in row.after}
    for row in made.of("critic"):
        match = re.search(r"(?i)VERDICT:\W*(ok|wrong)", row.text)
        assert (row.id in followed) == (
            match is not None and match[1] in ("wrong", "Wrong", "WRONG") and depth_of(made, row) < 3
        )


def prompt_erasure(made: Made) -> None:
    """No problem is asked more than eight times under one system prompt, and each was asked under the first."""
    counts = Counter((row.problem, row.step) for row in made.rows.values())
    assert max(counts.values()) <= 8
    assert {problem for problem, step in counts if step == "direct"} == {problem for problem, _ in counts}


def gen_select(made: Made) -> None:
    """A score is the share of the votes that could be read; where none could, no answer has one."""
    for row in made.of("pick"):
        if row.after[0] in made.scores:
            assert sum(made.scores[key] for key in row.after) <= 1 + 1e-9
    votes = [row for row in made.of("pick") if re.search(r"Best: ([1-8])(?!\d)", row.text)]
    assert bool(votes) == bool(made.scores)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("check", [tools, self_refine, prompt_erasure, gen_select], ids=lambda check: check.__name__)
def test_it_holds_with_a_real_model_and_runs_again_without_a_draw(
    tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch, check: Callable[[Made], None]
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    name = check.__name__
    shutil.copy(ROOT / "recipes" / "steps" / f"{name}.yaml", ".")
    model = "steps.pick.model" if name == "gen_select" else "generate.model"
    sets = [word for setting in (*SMALL, f"{model}={MODEL}") for word in ("--set", setting)]
    command = ["curate", f"{name}.yaml", *sets, "--profile", str(ROOT / "profiles" / "instruct.yaml"), "--direct", "--json"]
    first, again = rollmill(*command), rollmill(*command)
    assert (first.status, again.status) == (0, 0), first.err + again.err
    paths = [Path(json.loads(said.out)["path"]) for said in (first, again)]
    assert paths[0] == paths[1]
    check(read(paths[0]))
