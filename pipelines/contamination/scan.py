"""Compare the rows of a training set with a benchmark, a batch at a time: what overlaps, in which class, found by what.

Rows come as Arrow tables of any size and are read some thousand at a time; kept in memory are the leaks, by which rows are
dropped or blamed, and counts of the rest.
"""

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rollmill.ground.records import Problem
from rollmill.pipelines.contamination.candidates import MatchCandidates
from rollmill.pipelines.contamination.graphs import graph_of
from rollmill.pipelines.contamination.index import CLASSES, LEAKS, BenchmarkIndex, Hit, ProblemText
from rollmill.pipelines.contamination.texts import prompt_text

BATCH = 4_000  # rows
_EXAMPLES = 20  # rows with new numbers that are kept to be shown


@dataclass(slots=True)
class Overlaps:
    """Overlaps of a scan. `leaks`: every row that is one; `new_numbers`: the first few such rows, all counted.

    `problems`: those of the benchmark that leak; `graphs`: problems of the training set whose solution graph is known.
    """

    rows: Counter[str] = field(default_factory=Counter)
    leaks: list[tuple[str, Hit]] = field(default_factory=list)
    new_numbers: list[tuple[str, Hit]] = field(default_factory=list)
    classes: Counter[tuple[str, str]] = field(default_factory=Counter)
    methods: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: set[str] = field(default_factory=set)
    graphs: int = 0

    def add(self, kind: str, hit: Hit) -> None:
        """Count a hit of a row of this kind."""
        self.classes[kind, hit.overlap] += 1
        self.methods.update((kind, method) for method in hit.by)
        if hit.overlap in LEAKS:
            self.leaks.append((kind, hit))
            self.problems.add(hit.evaluation_id)
        elif len(self.new_numbers) < _EXAMPLES:
            self.new_numbers.append((kind, hit))

    def by_class(self) -> dict[str, int]:
        """Rows of every kind by class."""
        return {name: sum(count for (_, overlap), count in self.classes.items() if overlap == name) for name in CLASSES}


class Scan:
    """A benchmark, against which rows are held."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.index = BenchmarkIndex(problems)
        self._candidates = MatchCandidates(self.index)

    def problems(self, tables: Iterable[pa.Table], overlaps: Overlaps) -> Overlaps:
        """The overlaps of problems: columns id, prompt_id, prompt (JSON) and meta (JSON)."""
        for rows in _batches(tables, ("id", "prompt_id", "prompt", "meta")):
            prompted = [row for row in rows if row["prompt"] is not None]  # the check of missing values names the others
            texts = [prompt_text(json.loads(row["prompt"])) for row in prompted]
            graphs = [graph_of(json.loads(row["meta"] or "{}")) for row in prompted]
            overlaps.graphs += sum(graph is not None for graph in graphs)
            worth = self._candidates.problems(texts)
            overlaps.rows["problem"] += len(rows)
            for row, text, graph, candidate in zip(prompted, texts, graphs, worth, strict=True):
                # The filter knows words alone: other words with the same graph would not pass it.
                if candidate or graph in self.index.graphs or row["prompt_id"] in self.index.prompts:
                    self._add(
                        overlaps, "problem", self.index.problem(ProblemText(row["id"], row["prompt_id"], text, graph))
                    )
        return overlaps

    def completions(self, tables: Iterable[pa.Table], overlaps: Overlaps, kept: Container[str] | None = None) -> Overlaps:
        """The overlaps of answers: columns id and text. `kept`: only these ids."""
        for rows in _batches(tables, ("id", "text")):
            chosen = [row for row in rows if row["text"] and (kept is None or row["id"] in kept)]
            overlaps.rows["completion"] += len(chosen)
            worth = self._candidates.completions([row["text"] for row in chosen])
            for row, candidate in zip(chosen, worth, strict=True):
                if candidate:
                    self._add(overlaps, "completion", self.index.completion(row["id"], row["text"]))
        return overlaps

    @staticmethod
    def _add(overlaps: Overlaps, kind: str, hit: Hit | None) -> None:
        if hit is not None:
            overlaps.add(kind, hit)


def _batches(tables: Iterable[pa.Table], names: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    for table in tables:
        for batch in table.select(names).to_batches(max_chunksize=BATCH):
            yield batch.to_pylist()
