"""Rows of one completion and its prompt: kept ones for supervised fine-tuning, or all judged ones with a label (KTO).

`prompt_completion` is TRL's form for a loss on the completion alone; `unpaired` is its form for unpaired preferences
(Ethayarajh et al. 2024), where a problem needs no right and wrong completion both.

MathFimer (Yan et al. 2025, arXiv:2502.11684) takes three lines of each solution at random and trains on the line alone,
behind prefix and suffix in this order. Its marks are kept. Here the first line is never taken, nor the last, which states
the answer.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from math import exp
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128, seed_of
from rollmill.storage.exports.chat_rows import JUDGED, KEPT, PROVENANCE, SCORES, RolloutTexts, columns_of, judged_by
from rollmill.storage.exports.origin import WRONG_SPANS
from rollmill.storage.exports.preferences.pairs import NOT_KEPT, distinct
from rollmill.storage.exports.write import Row

REPEATED = "completions with the text of another one of their problem"
ANSWERLESS = "completions without an answer"
BEYOND = "completions beyond max_rows"
NO_MIDDLE = "solutions without a line between others, or with marks of gaps"
PREFIX, SUFFIX, MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"


LIKELY = pa.struct([("token", pa.string()), ("logprob", pa.float64())])
TEACHER = pa.list_(pa.struct([("token_id", pa.int32()), ("likeliest", pa.list_(LIKELY))]))


@dataclass(frozen=True, slots=True)
class MiddleLine:
    """A line of a solution: its number from 1, its text, and the texts before and behind it without the line breaks."""

    number: int
    text: str
    before: str
    behind: str

    @property
    def begun(self) -> str:
        """The beginning of an answer that the line ends."""
        return f"{PREFIX}{self.before}{SUFFIX}{self.behind}{MIDDLE}"


@dataclass
class PromptCompletion(RolloutTexts):
    """The kept rollouts as prompt and completion. `scores`: add the scores of each rollout. `reverse`: put the problem's
    text after the answer, for a model that writes problems from solutions (back-translation). `middle`: number of lines of
    each answer that are moved behind the lines before and after them, for a model that fills in the middle. `teacher`: add
    the column of loss `kd`: for each token its id and the likeliest tokens with their log-probabilities, if the engine gave
    them.
    """

    _: KW_ONLY
    scores: bool = False
    reverse: bool = False
    middle: int = 0
    teacher: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.teacher and (self.reverse or self.middle):
            raise SetupError("teacher goes with whole solutions, not beside reverse or middle.")
        if self.middle < 0 or (self.middle and self.reverse):
            raise SetupError(f"middle is {self.middle}; it must be 0 (whole solutions) or more, and not beside reverse.")

    @property
    def schema(self) -> pa.Schema:
        """Prompt, completion, and origin of the row."""
        return pa.schema([*self._texts, *PROVENANCE, *WRONG_SPANS, *([("scores", SCORES)] if self.scores else [])])

    @property
    def _texts(self) -> list[tuple[str, pa.DataType]]:
        return [("prompt", self.turns), ("completion", self.turns), *([("teacher", TEACHER)] if self.teacher else [])]

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The rollouts by problem id, sample index and completion id; of each, its lines in order."""
        for rollout in self.kept(connection):
            if not self.middle:
                yield self.row(rollout, **self.texts(rollout))
                continue
            lines = middles_of(rollout["text"], self.middle, rollout["completion_id"])
            self.left_out[NO_MIDDLE] += not lines
            for line in lines:
                yield self.row(rollout, **self._filling(rollout, line))

    def kept(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The kept rollouts permitted for training."""
        self.left_out.clear()
        return self.rollouts(connection, KEPT, scores=self.scores, columns=self._drawn())

    def _drawn(self) -> tuple[str, ...]:
        return ("token_ids", "top_logprobs") if self.teacher else ()

    def texts(self, rollout: Row) -> Row:
        """Prompt and completion of a rollout."""
        prompt, answer = self.asked(rollout), self.answer(rollout)
        if not self.reverse:
            return {"prompt": prompt, "completion": answer, **({"teacher": _taught(rollout)} if self.teacher else {})}
        # Spans are of the answer, which is not trained here.
        return {"prompt": _said_by("user", answer), "completion": _said_by("assistant", prompt), "wrong_spans": []}

    def _filling(self, rollout: Row, line: MiddleLine) -> Row:
        """The line as the rest of an answer that begins with what stands before and behind it."""
        prompt: Any = self.asked(rollout)
        texts: Row = {"prompt": f"{prompt}\n{line.begun}", "completion": line.text}
        if not isinstance(prompt, str):
            texts["prompt"] = [*prompt, {"role": "assistant", "content": line.begun}]
            texts["completion"] = [{"role": "assistant", "content": line.text}]
        # Spans are of the whole answer, and this completion is one line of it.
        return {**texts, "id": f"{rollout['completion_id']}-{line.number}", "wrong_spans": []}

    def row(self, rollout: Row, **texts: Any) -> Row:
        """The row of one rollout."""
        return {**rollout, "id": rollout["completion_id"], "verifier": judged_by(rollout), **texts}


@dataclass
class Unpaired(PromptCompletion):
    """Every judged rollout, with `label` true for a correct one; equal texts of a problem occur once.

    `kept_only`: take only the kept rollouts among the correct ones. `max_rows`: most rows of each label and problem, kept
    ones first; 0: all. `unparsed`: count completions without an answer as wrong. `copies`: keep equal texts as often as
    they were drawn. `priority`: add the columns of order `p2value`. These are `possibility`, the geometric mean of the
    tokens' probabilities, and `passed`, the share of tests passed (without tests 1 for a correct completion, else 0).
    """

    _: KW_ONLY
    kept_only: bool = False
    max_rows: int = 0
    unparsed: bool = True
    copies: bool = False
    priority: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_rows < 0:
            raise SetupError(f"max_rows is {self.max_rows}; it must be 0 (all) or more.")

    @property
    def _texts(self) -> list[tuple[str, pa.DataType]]:
        priority = columns_of(pa.float64(), "possibility", "passed") if self.priority else []
        return [*super()._texts, ("label", pa.bool_()), *priority]

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The rows by problem id; within a problem kept ones first, then by sample index."""
        self.left_out.clear()
        drawn = (*self._drawn(), *(("logprob_sum",) if self.priority else ()))
        stored = self.rollouts(connection, JUDGED, scores=self.scores, columns=drawn)
        passed = _passed(connection) if self.priority else {}
        for _, members in groupby(stored, key=lambda rollout: rollout["problem_id"]):
            # Before repeated texts are dropped, so that of equal ones the kept one stays.
            taken = sorted(filter(self._wanted, members), key=lambda rollout: not rollout["kept"])  # stable
            once = taken if self.copies else distinct(taken)
            self.left_out[REPEATED] += len(taken) - len(once)
            counts = {True: 0, False: 0}
            for rollout in once:
                label = rollout["outcome"] == "correct"
                counts[label] += 1
                if not self.max_rows or counts[label] <= self.max_rows:
                    priority = _priority(rollout, passed) if self.priority else {}
                    yield self.row(rollout, label=label, **self.texts(rollout), **priority)
                else:
                    self.left_out[BEYOND] += 1

    def _wanted(self, rollout: Row) -> bool:
        why = None
        if rollout["outcome"] == "correct":
            why = NOT_KEPT if self.kept_only and not rollout["kept"] else None
        elif rollout["outcome"] == "unparsed" and not self.unparsed:
            why = ANSWERLESS
        if why is not None:
            self.left_out[why] += 1
        return why is None


def _taught(rollout: Row) -> list[Row]:
    """The column of `teacher`; SetupError for a completion without token ids or the likeliest tokens of each."""
    ids, tops = rollout["token_ids"], json.loads(rollout["top_logprobs"] or "[]")
    if not ids or len(tops) != len(ids):
        raise SetupError(
            f"completion {rollout['completion_id']} of {rollout['model']} has no likeliest tokens, which `teacher` needs.",
            next_command="draw with `options: {logprobs: 5}` of the engine vllm, or of openai with extra.return_token_ids",
        )
    return [
        {"token_id": token, "likeliest": [{"token": text, "logprob": logprob} for text, logprob in likeliest]}
        for token, likeliest in zip(ids, tops, strict=True)
    ]


def _passed(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], float]:
    """Shares of tests passed, by completion and problem, as the verifier that decided says."""
    # Only of the verifier that decided: the share of another one may not fit the label.
    query = """select v.completion_id, v.problem_id, max(v.value) from verdicts v join decisions d
               using (completion_id, problem_id) where v.verifier = d.verifier and v.value is not null group by all"""
    return {(completion, problem): share for completion, problem, share in connection.execute(query).fetchall()}


def _priority(rollout: Row, passed: Mapping[tuple[str, str], float]) -> Row:
    """The columns of `priority`; SetupError for a completion without log-probabilities."""
    if rollout["logprob_sum"] is None or not rollout["tokens_out"]:
        raise SetupError(
            f"completion {rollout['completion_id']} of {rollout['model']} has no log-probability, which `priority` needs.",
            next_command="draw from an engine that gives log-probabilities: embedded, vllm, or openai with logprobs",
        )
    key = (rollout["completion_id"], rollout["problem_id"])
    share = passed.get(key, float(rollout["outcome"] == "correct"))
    return {"possibility": exp(rollout["logprob_sum"] / rollout["tokens_out"]), "passed": share}


def _said_by(role: str, text: Any) -> Any:
    """A text, or the last of its turns as one turn of another role."""
    return text if isinstance(text, str) else [{"role": role, "content": text[-1]["content"]}]


def middles_of(text: str, count: int, seed: str) -> Sequence[MiddleLine]:
    """At most `count` lines of a text, in order, chosen by the seed; blank lines are none."""
    lines = [number for number, line in enumerate(text.split("\n")) if line.strip()]
    between = lines[1:-1]
    # A text with a mark of its own could not be put together again.
    if not between or any(mark in text for mark in (PREFIX, SUFFIX, MIDDLE)):
        return []
    # Seeded by the completion, so that other rows of the file change no choice.
    chosen = Random(seed_of(digest128(["middle", seed]))).sample(between, min(count, len(between)))
    return [_middle(text, lines, place) for place in sorted(chosen)]


def _middle(text: str, lines: Sequence[int], place: int) -> MiddleLine:
    parts, at = text.split("\n"), lines.index(place)
    before = "\n".join(parts[: lines[at - 1] + 1])
    return MiddleLine(at + 1, parts[place], before, "\n".join(parts[lines[at + 1] :]))
