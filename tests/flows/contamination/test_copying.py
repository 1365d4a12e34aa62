"""`rollmill contamination copying`: planted copies of a training problem, out of files."""

import json
from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.synthesize.templates import Templates
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run


def write(path: Path, prompts: list[str]) -> None:
    path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))


@pytest.mark.integration
def test_copies_with_changed_words_are_counted_and_the_copied_problem_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    Workspace.init(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    prompts = [str(problem.prompt) for problem in Templates(levels=[1, 2, 3], split="train").synthesize(700, 5)]
    prompts = list(dict.fromkeys(prompts))
    train, held_out, made = prompts[:60], prompts[60:340], prompts[340:560]
    copies = [f"{train[0]} Name {word}." for word in np.random.default_rng(1).permutation(40)]
    write(tmp_path / "train.jsonl", train)
    write(tmp_path / "fresh.jsonl", held_out)
    for name, rows in (("copied.jsonl", [*made[:180], *copies]), ("made.jsonl", made)):
        write(tmp_path / name, rows)
    files = ("--train", "train.jsonl", "--held-out", "fresh.jsonl", "--ratio", "10", "--json")
    copied = json.loads(rollmill("contamination", "copying", "copied.jsonl", *files).out)
    assert copied["rate"]["low"] <= 40 / 220 <= copied["rate"]["high"] + 0.02
    assert copied["rate_of_held_out"]["value"] < 0.05
    assert train[0] in [row["prompt"] for row in copied["tightest"]]
    write(tmp_path / "repeated.jsonl", [*made[:180], *[train[0]] * 40])
    repeated = json.loads(rollmill("contamination", "copying", "repeated.jsonl", *files).out)
    assert repeated["rate"]["low"] <= 40 / 220 <= repeated["rate"]["high"] + 0.02
    assert train[0] in [row["prompt"] for row in repeated["tightest"]]
    clean = json.loads(rollmill("contamination", "copying", "made.jsonl", *files).out)
    assert clean["rate"]["value"] < 0.05
    said = rollmill("contamination", "copying", "made.jsonl", *files[:-1], "--ratio", "1")
    assert (said.status, "a copy of ratio 1" in said.err) == (2, True)
    assert "problems of train.jsonl are copied" in rollmill("contamination", "copying", "copied.jsonl", *files[:-1]).out
