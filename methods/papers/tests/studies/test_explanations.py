"""Explanations: what each arm is told, greedy answers, and the smallest form."""

import re
from pathlib import Path

import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill.pipelines.train.measures.reading import ReadingModel
from rollmill_papers.studies.explanations import ARMS, Explanations, explained_rows, greedy_texts, hidden_rules
from tests.pipelines.train.student_files import small_model

TOLD = re.compile(r"(\d{3}) takes (\d)\.")


def test_each_arm_is_told_what_it_says_and_all_have_the_same_lists() -> None:
    rules = hidden_rules(40, 1)
    places = {str(rule.index): str(rule.place) for rule in rules}
    rows = {arm: explained_rows(arm, rules, 200, 1) for arm in ARMS}
    for arm in ARMS:
        for row, plain in zip(rows[arm], rows["none"], strict=True):
            index, place = str(row["problem_id"]), places[str(row["problem_id"])]
            told = TOLD.findall(row["prompt"])
            assert all(places[other] == where for other, where in told)
            of_its_rule = [where for other, where in told if other == index]
            shown = {"retrieved": (1, 1), "unrelated": (1, 0)}.get(arm, (0, 0))
            assert (len(told), len(of_its_rule)) == shown
            assert row["prompt"].endswith(plain["prompt"])
            digits = plain["prompt"].split(": ")[1].split()
            assert row["completion"].endswith(f"#### {digits[int(place) - 1]}")
            assert row["completion"].startswith(f"{index} takes") is (arm == "target")


@pytest.mark.train
def test_a_greedy_text_takes_the_likeliest_token_at_every_place(tmp_path: Path) -> None:
    model = ReadingModel.open(small_model(tmp_path / "init"))
    prompts = ["417: 3 8 1 6", "250 takes 1. 250: 1 2 3 4"]
    for prompt, given in zip(prompts, greedy_texts(model, prompts, 5), strict=True):
        asked = model.encoded(prompt, "")
        ids = list(asked[0][: asked[1][0]])
        tokens: list[int] = []
        while len(tokens) < 5:
            (logps,) = model.logps([([*ids, 0], [len(ids)])])
            token = int(logps[0].argmax())
            if token == asked[0][asked[1][0]]:
                break
            tokens.append(token)
            ids.append(token)
        assert given == model.model.tokenizer.decode(tokens)


@pytest.mark.train
def test_the_smallest_form_trains_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "study", models={"init": [StudyModel(small_model(tmp_path / "init"))]})
    small = Explanations(rules=8, rows=2, texts=8, epochs=1, seeds=1)
    measured = small.measure(bench)
    assert set(measured.effects) == {f"{arm} - none" for arm in ARMS[1:]} | {"retrieved - unrelated"}
    assert set(measured.table) == {f"accuracy: {arm}" for arm in ARMS}
    assert small.measure(bench).effects == measured.effects
