"""How near a dataset comes to the evaluation problems, in three classes.

Contamination is reported in classes (exact; the same problem edited; the same wording or solution graph with new numbers)
because only the first two leak answers. Edited copies are found by shared word 8-grams, numbers included: hiding the
numbers would merge different problems (measured: 8-grams find every edited leak, a fuzzy ratio of 95 hardly any).
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from storage.records import Problem, prompt_json

Class = Literal["exact", "same problem", "new numbers", "none"]
CLASSES: tuple[Class, ...] = ("exact", "same problem", "new numbers")
LEAKS = CLASSES[:2]
_N = 8  # tokens of a run
# The shares that make an overlap: of the 8-grams, of them in a text without numbers, and of the words of a short text.
_SHARE = 0.5
_BARE = 0.25
_WORDS = 0.6
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")

Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A row of the dataset that overlaps an evaluation problem, and the share of 8-grams they have in common."""

    row: str
    overlap: Class
    evaluation_id: str
    share: float


class EvaluationSet:
    """The evaluation problems, indexed by prompt, by 8-gram and by solution graph."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self._problems = list(problems)
        self._prompts = {problem.prompt_id: problem.id for problem in problems}
        self._tokens = [tokens(prompt_text(prompt_json(problem.prompt))) for problem in problems]
        self._numbers = [numbers(words) for words in self._tokens]
        self._graphs: dict[str, list[int]] = defaultdict(list)
        self._exact: dict[Gram, list[int]] = defaultdict(list)
        self._blind: dict[Gram, list[int]] = defaultdict(list)
        self._sequences: dict[Gram, list[int]] = defaultdict(list)
        self._sizes: list[int] = []
        for index, (problem, words) in enumerate(zip(problems, self._tokens, strict=True)):
            graph = problem.meta.get("graph")
            if graph:
                self._graphs[str(graph)].append(index)
            if sequence := _sequence(words):
                self._sequences[sequence].append(index)
            exact = grams(words)
            self._sizes.append(len(exact))
            for gram in exact:
                self._exact[gram].append(index)
            for gram in grams(blind(words)):
                self._blind[gram].append(index)

    def __len__(self) -> int:
        return len(self._problems)

    def problem(self, row: str, prompt_id: str, text: str, graph: str | None = None) -> Hit | None:
        """The nearest class of overlap of one problem, None where there is none."""
        if prompt_id in self._prompts:
            return Hit(row, "exact", self._prompts[prompt_id], 1.0)
        words = tokens(text)
        own = numbers(words)
        if (copied := self._edited(words)) is not None:
            return self._hit(row, "same problem", copied)
        same = [index for index in self._graphs.get(graph or "", ()) if self._numbers[index] == own]
        if same:
            return self._hit(row, "same problem", (same[0], 0.0))
        if graph in self._graphs:
            return self._hit(row, "new numbers", (self._graphs[graph or ""][0], 0.0))
        near = _best(grams(blind(words)), self._blind)
        return self._hit(row, "new numbers", near) if near is not None and near[1] >= _SHARE else None

    def completion(self, row: str, text: str) -> Hit | None:
        """Whether an answer repeats half of an evaluation prompt, its numbers included."""
        words = tokens(text)
        shared = _counts(grams(words), self._exact)
        held = set(words)
        for index, count in shared.most_common():
            share = count / self._sizes[index]
            if share < _SHARE:
                continue
            if set(self._numbers[index]) <= held:
                return self._hit(row, "same problem", (index, share))
        return None

    def _edited(self, words: Sequence[str]) -> tuple[int, float] | None:
        """The evaluation problem with the same numbers that shares most runs: one is enough where there are numbers to
        compare, a quarter of them where there are none. Texts too short for runs are compared word by word, if they have
        the same numbers in the same order.
        """
        own = grams(words)
        for index, count in _counts(own, self._exact).most_common():
            share = count / len(own)
            if self._numbers[index] == numbers(words) and (share >= _BARE or self._numbers[index]):
                return index, share
        for index in self._sequences.get(_sequence(words), ()):
            share = _alike(words, self._tokens[index])
            if share >= _WORDS:
                return index, share
        return None

    def _hit(self, row: str, overlap: Class, best: tuple[int, float]) -> Hit:
        return Hit(row, overlap, self._problems[best[0]].id, best[1])


def problem_hits(evaluation: EvaluationSet, problems: pa.Table) -> list[Hit]:
    """The overlap of every problem of a table, in its order."""
    hits = []
    for row in _rows(problems, ["id", "prompt_id", "prompt", "meta"]):
        if row["prompt"] is None:
            continue  # the check of missing values names it
        graph = json.loads(row["meta"] or "{}").get("graph")
        hit = evaluation.problem(row["id"], row["prompt_id"], prompt_text(json.loads(row["prompt"])), graph)
        if hit is not None:
            hits.append(hit)
    return hits


def completion_hits(evaluation: EvaluationSet, completions: pa.Table, kept: set[str]) -> list[Hit]:
    """The overlap of every kept completion of a table, in its order."""
    hits = (
        evaluation.completion(row["id"], row["text"] or "")
        for row in _rows(completions, ["id", "text"])
        if row["id"] in kept
    )
    return [hit for hit in hits if hit is not None]


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers; thousands separators removed, so "1,000" is "1000"."""
    return [word.replace(",", "") if "," in word else word for word in _TOKEN.findall(text.lower())]


def numbers(words: Iterable[str]) -> tuple[str, ...]:
    """The numbers of a text, sorted."""
    return tuple(sorted(word for word in words if word[0].isdigit()))


def blind(words: Iterable[str]) -> list[str]:
    """The words with every number made the same."""
    return ["#" if word[0].isdigit() else word for word in words]


def grams(words: Sequence[str]) -> set[Gram]:
    """Runs of eight tokens; a shorter text is one run."""
    if len(words) < _N:
        return {tuple(words)} if words else set()
    return set(zip(*(words[start:] for start in range(_N)), strict=False))


def prompt_text(prompt: Any) -> str:
    """What a prompt's JSON form asks, as one text: a system turn is an instruction, and no part of the problem."""
    if isinstance(prompt, str):
        return prompt
    asked = [turn["content"] for turn in prompt if turn["role"] not in ("system", "developer")]
    return "\n".join(asked or [turn["content"] for turn in prompt])


def _sequence(words: Iterable[str]) -> Gram:
    """The numbers of a text as they come."""
    return tuple(word for word in words if word[0].isdigit())


def _alike(left: Iterable[str], right: Iterable[str]) -> float:
    """The share of the words of two texts that they have in common."""
    left_words, right_words = set(left), set(right)
    return len(left_words & right_words) / len(left_words | right_words)


def _counts(own: Iterable[Gram], index: Mapping[Gram, list[int]]) -> Counter[int]:
    return Counter(problem for gram in own for problem in index.get(gram, ()))


def _best(own: set[Gram], index: Mapping[Gram, list[int]]) -> tuple[int, float] | None:
    """The evaluation problem that shares most runs, and the share of the row's own runs."""
    shared = _counts(own, index)
    if not shared:
        return None
    count = max(shared.values())
    first = min(problem for problem, number in shared.items() if number == count)
    return first, count / len(own)


def _rows(table: pa.Table, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in table.select(names).to_batches(max_chunksize=2_000):
        yield from batch.to_pylist()
