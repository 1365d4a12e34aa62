"""A teacher's likeliest tokens in rows: aligned with the student's tokens, refused where they are others, and learnt."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.learners.tiny import Tiny
from rollmill.pipelines.train.losses import LOSSES
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.roles import LearnerReport, TrainingTask
from rollmill.pipelines.train.rows import TrainingRows, encoding, read_rows
from rollmill.pipelines.train.teacher import spellings
from rollmill.pipelines.train.token_batches import token_batch
from tests.pipelines.train.student_files import SHIPPED, shipped_tokenizer, small_model, sums, written

TOKENIZER = shipped_tokenizer()
KNOWN = spellings(LOSSES["kd"](), TOKENIZER) or {}
ROW = sums(3)[2]  # "What is 1 plus 2?", with 3 tokens of "1 + "
ONE_TEXT = {token: text for text, token in KNOWN.items()}


def taught(row: dict[str, Any], likeliest: dict[int, dict[str, float]]) -> dict[str, Any]:
    """A row of the export with the option `teacher`; places without a distribution have no likeliest tokens."""
    ids = encoding(TOKENIZER)(row["prompt"], row["completion"], [])
    answer = [ids[0][place] for place in ids[1]]
    column = [
        {
            "token_id": token,
            "likeliest": [
                {"token": text, "logprob": float(np.log(chance))} for text, chance in likeliest.get(at, {}).items()
            ],
        }
        for at, token in enumerate(answer)
    ]
    return {**row, "teacher": column}


def read(tmp_path: Path, *rows: dict[str, Any]) -> TrainingRows:
    return read_rows(written(tmp_path / "rows.jsonl", rows), encoding(TOKENIZER), 512, None, KNOWN)


def test_a_place_has_the_teachers_tokens_scaled_to_one_and_others_have_their_own(tmp_path: Path) -> None:
    row = taught(ROW, {0: {"1": 0.6, "2": 0.2, "no such token": 0.2}})
    rows = read(tmp_path, row)
    text = rows.rows[0].texts[0]
    first, second = text.trained[:2]
    assert [token for token, _ in text.targets(first)] == [KNOWN["1"], KNOWN["2"]]
    assert text.targets(second) == ((text.ids[second], 1.0),)
    batch = token_batch(rows, [0])
    assert batch.chance is not None
    assert (batch.tokens, len(batch.places)) == (len(text.trained), len(text.trained) + 1)
    assert batch.places[0] == batch.places[1] == first - 1
    assert batch.targets[:2].tolist() == [KNOWN["1"], KNOWN["2"]]
    assert batch.chance[:3].tolist() == pytest.approx([0.75, 0.25, 1.0])


def test_a_text_of_the_vocabulary_is_one_token_or_none() -> None:
    assert all(TOKENIZER.decode([token], skip_special_tokens=False) == text for text, token in KNOWN.items())
    assert spellings(LOSSES["sft"](), TOKENIZER) is None


def test_rows_without_a_teacher_or_with_another_tokenizers_tokens_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"row 1 has no column 'teacher'\. Next: data: \{options: \{teacher: true\}\}"):
        read(tmp_path, ROW)
    other = taught(ROW, {})
    other["teacher"][1]["token_id"] += 1
    with pytest.raises(SetupError, match="the student reads other tokens than the teacher wrote"):
        read(tmp_path, other)


@pytest.mark.train
def test_a_student_comes_nearer_to_its_teacher_than_by_the_drawn_tokens(tmp_path: Path) -> None:
    """The shipped model teaches a small one; the divergence is measured on texts that neither arm trained on."""
    from rollmill.pipelines.train.measures.reading import ReadingModel

    init, teacher = small_model(tmp_path / "init"), ReadingModel.open(SHIPPED)
    lines = sums(48)
    encoded = [teacher.encoded(row["prompt"], row["completion"]) for row in lines]
    rows = []
    for row, logps in zip(lines, teacher.logps(encoded), strict=True):
        tops = {at: top_of(logs) for at, logs in enumerate(logps)}
        rows.append(taught(row, tops))
    away = {}
    reports: list[LearnerReport] = []
    for name in ("sft", "kd"):
        folder = tmp_path / name
        folder.mkdir()
        path = written(folder / "rows.jsonl", rows[:36])
        task = TrainingTask(path, init, folder / "out", folder / "state", LOSSES[name](), ORDERS["shuffled"](), 1)
        done = Tiny(steps=39, batch=12, learning_rate=1e-2, threads=1).train(task, reports.append)
        away[name] = divergence(teacher, ReadingModel.open(folder / "out"), encoded[36:])
        assert done.tokens == 13 * sum(len(places) for _, places in encoded[:36])  # epochs
    assert away["kd"] < away["sft"]


def top_of(logs: Any) -> dict[str, float]:
    """The five likeliest tokens that have a text of their own."""
    best = [int(token) for token in np.argsort(-logs)[:5] if int(token) in ONE_TEXT]
    return {ONE_TEXT[token]: float(np.exp(logs[token])) for token in best}


def divergence(teacher: Any, student: Any, texts: Any) -> float:
    parts = [
        float((np.exp(mine) * (mine - theirs)).sum(axis=1).mean())
        for mine, theirs in zip(teacher.logps(texts), student.logps(texts), strict=True)
    ]
    return float(np.mean(parts))
