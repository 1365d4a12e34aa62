"""Rows of an export as tokens: what is trained, what is only read, what is refused; batches that say so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import END
from rollmill.pipelines.train.orders import ORDERS
from rollmill.pipelines.train.rows import TrainingRows, encoding, read_rows
from rollmill.pipelines.train.token_batches import ROUND_TO, TokenBatches, token_batch
from tests.pipelines.train.student_files import shipped_tokenizer, sum_pairs, sums, written

TOKENIZER = shipped_tokenizer()
ANSWER = "4 + 3 = 7\n#### 7"


def read(tmp_path: Path, *rows: dict[str, Any], context: int = 500, column: str | None = None) -> TrainingRows:
    return read_rows(written(tmp_path / "rows.jsonl", rows), encoding(TOKENIZER), context, column)


def row(**changed: Any) -> dict[str, Any]:
    return {"id": "c1", "problem_id": "p1", "prompt": "What is 4 plus 3?", "completion": ANSWER, **changed}


def trained(rows: TrainingRows, place: int = 0, text: int = 0) -> list[str]:
    one = rows.rows[place].texts[text]
    return [TOKENIZER.id_to_token(one.ids[at]) for at in one.trained]


def test_the_answer_with_its_end_is_trained_and_the_prompt_is_not(tmp_path: Path) -> None:
    rows = read(tmp_path, row())
    text = rows.rows[0].texts[0]
    expected = TOKENIZER.encode(ANSWER + END).ids
    assert [text.ids[at] for at in text.trained] == expected
    assert trained(rows)[-1] == END
    assert TOKENIZER.decode(text.ids[: text.trained[0]], skip_special_tokens=False).endswith("<|assistant|>")
    assert text.trained[-1] == len(text.ids) - 1


def test_messages_give_the_tokens_of_plain_texts(tmp_path: Path) -> None:
    turns = row(
        prompt=[{"role": "user", "content": "What is 4 plus 3?"}], completion=[{"role": "assistant", "content": ANSWER}]
    )
    assert read(tmp_path, turns).rows == read(tmp_path, row()).rows


def test_the_beginning_of_an_answer_is_read_and_its_rest_is_trained(tmp_path: Path) -> None:
    begun, rest = ANSWER.split("\n")
    turns = [{"role": "user", "content": "What is 4 plus 3?"}, {"role": "assistant", "content": f"{begun}\n"}]
    text = read(tmp_path, row(prompt=turns, completion=rest)).rows[0].texts[0]
    assert TOKENIZER.decode(text.ids, skip_special_tokens=False).endswith(f"<|assistant|>{ANSWER}{END}")
    assert [text.ids[at] for at in text.trained] == TOKENIZER.encode(rest + END).ids


def test_a_wrong_span_is_read_and_not_trained(tmp_path: Path) -> None:
    whole, masked = read(tmp_path, row()), read(tmp_path, row(wrong_spans=[[0, 9]]))
    assert masked.rows[0].texts[0].ids == whole.rows[0].texts[0].ids
    rest = TOKENIZER.encode(ANSWER + END)
    kept = [rest.tokens[at] for at, (first, _) in enumerate(rest.offsets) if first >= 9]
    assert trained(masked) == kept
    assert 0 < len(kept) < len(rest.ids)
    assert kept[-1] == END


def test_pairs_have_two_texts_and_a_label_is_a_side(tmp_path: Path) -> None:
    pair = read(tmp_path, *sum_pairs(1)).rows[0]
    assert [text.side for text in pair.texts] == [1, -1]
    labelled = read(tmp_path, row(label=True), row(label=False))
    assert [one.texts[0].side for one in labelled.rows] == [1, -1]


def test_weights_come_from_a_column_of_numbers(tmp_path: Path) -> None:
    rows = read(tmp_path, row(advantage=-0.5), row(advantage=2), column="advantage")
    assert [one.weight for one in rows.rows] == [-0.5, 2.0]
    with pytest.raises(SetupError, match="row 1: column 'gain' is None, and must be a number"):
        read(tmp_path, row(advantage=1.0), column="gain")
    with pytest.raises(SetupError, match="row 1: column 'label' is True"):
        read(tmp_path, row(label=True), column="label")


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    length = len(read(tmp_path, row()).rows[0].texts[0].ids)
    assert read(tmp_path, row(), context=length).rows
    with pytest.raises(SetupError, match=f"row 2 has {length} tokens, and the initial model's context is {length - 1}"):
        read(tmp_path, row(completion="7"), row(), context=length - 1)
    turns = [{"role": "assistant", "content": "7"}, {"role": "tool", "content": "7"}, {"role": "assistant", "content": "7"}]
    with pytest.raises(SetupError, match="row 1: an answer of the turns assistant, tool, assistant"):
        read(tmp_path, row(completion=turns))
    with pytest.raises(SetupError, match="has no rows to train on"):
        read(tmp_path)


def test_padding_is_never_a_trained_token(tmp_path: Path) -> None:
    rows = read(tmp_path, row(), row(id="c2", completion="7"))
    batch = token_batch(rows, [1, 0])
    lengths = [len(rows.rows[place].texts[0].trained) for place in (1, 0)]
    assert len(batch.places) == len(batch.targets) == sum(lengths)
    assert np.bincount(batch.sequence).tolist() == lengths
    assert batch.ids.shape[1] % ROUND_TO == 0
    width = batch.ids.shape[1]
    for at, place in enumerate((1, 0)):
        text = rows.rows[place].texts[0]
        mine = batch.sequence == at
        assert batch.targets[mine].tolist() == [text.ids[one] for one in text.trained]
        assert (batch.places[mine] - at * width).tolist() == [one - 1 for one in text.trained]
        assert batch.ids[at, : len(text.ids) - 1].tolist() == list(text.ids[:-1])


def test_a_batch_is_of_one_epoch_and_a_problem_stays_together(tmp_path: Path) -> None:
    rows = read(tmp_path, *sums(10))
    alone = TokenBatches(rows, ORDERS["shuffled"](), 3, 4, grouped=False)
    assert alone.an_epoch == 3
    steps = [alone.rows_of(step) for step in range(6)]
    assert [len(step) for step in steps] == [4, 4, 2, 4, 4, 2]
    assert sorted(steps[0] + steps[1] + steps[2]) == sorted(steps[3] + steps[4] + steps[5]) == list(range(10))
    assert steps[:3] != steps[3:]
    assert [alone.rows_of(step) for step in (5, 0)] == [steps[5], steps[0]]
    grouped = TokenBatches(rows, ORDERS["exported"](), 3, 2, grouped=True)
    assert [grouped.rows_of(step) for step in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert grouped.batch(0).group.tolist() == [0, 0, 1, 1]


def test_orders_sort_by_columns_of_the_rows(tmp_path: Path) -> None:
    rows = read(tmp_path, *sums(6))
    batches = TokenBatches(rows, ORDERS["sorted"](by="level", descending=True), 1, 6, grouped=False)
    assert [rows.columns["level"][place] for place in batches.rows_of(0)] == [3, 3, 2, 2, 1, 1]
    assert "prompt" in rows.columns
