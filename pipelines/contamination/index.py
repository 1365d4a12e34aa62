"""The problems of a benchmark, indexed so that a row can be compared with all of them, and the result of a comparison.

Three classes, because only the first two leak answers: exact; the same problem (edited, or the same solution graph with the
same numbers); new numbers (the same wording or solution graph with other numbers). The class comes with the rule that found
it.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from rollmill.ground.records import Problem, prompt_json
from rollmill.pipelines.contamination.graphs import graph_of
from rollmill.pipelines.contamination.texts import RUN, Gram, blind, grams, hard, is_hard, plain, prompt_text, tokens
from rollmill.pipelines.select.near_duplicates import SketchIndex

Class = Literal["exact", "same problem", "new numbers", "none"]
CLASSES: tuple[Class, ...] = ("exact", "same problem", "new numbers")
LEAKS = CLASSES[:2]
METHODS = ("text", "graph", "8-grams", "near duplicate")
# The shares that make an overlap: of the 8-grams of two problems with the same numbers, of the words of such problems (of
# their 3-grams where the numbers stand in another order), of the 8-grams without numbers. Inside a longer text: of a
# problem's 8-grams or 3-grams, and of its numbers that stand beside a neighbour of theirs.
_SAME_RUNS = 0.25
_SAME_WORDS = 0.6
_SAME_CONTEXTS = 0.5
_BLIND_RUNS = 0.5
_QUOTED_RUNS = 0.25
_QUOTED_CONTEXTS = 0.5
_NEARLY_ALL = 0.8
_IN_PLACE = 0.75
_CONTEXT = 3  # tokens
ANCHOR = 4  # tokens of a run with a number, by which a reworded problem is looked for inside a longer text
_SLACK = 4  # tokens by which a copy inside a longer text may be longer than the problem
_SHORTEST = 4  # tokens of a problem that is looked for in longer texts
_BRUTE_FORCE = 32  # problems with the same numbers that are all compared


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that overlaps a problem of the benchmark. `share`: share of the shorter text's runs of eight tokens that both
    have.

    `by`: every method that found the overlap. `overlap`: the worst class that any method gave it.
    """

    row: str
    overlap: Class
    evaluation_id: str
    share: float
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProblemText:
    """Text of a problem for comparison."""

    id: str
    prompt_id: str
    text: str
    graph: str | None = None

    @classmethod
    def of(cls, problem: Problem) -> "ProblemText":
        """The text of a problem, without system turns, and its graph if that is known."""
        return cls(problem.id, problem.prompt_id, prompt_text(prompt_json(problem.prompt)), graph_of(problem.meta))


class _Entry:
    def __init__(self, problem: str, words: list[str]) -> None:
        self.id, self.words = problem, words
        self.runs, self.hard, self.anchors = grams(words), hard(words), anchors(words)

    @cached_property
    def contexts(self) -> set[Gram]:
        return grams(self.words, _CONTEXT)  # made for the few problems that a row is compared with

    @cached_property
    def beside(self) -> list[tuple[Gram, ...]]:
        """For each number or sign the pairs that it makes with the tokens around it."""
        pairs = list(itertools.pairwise(self.words))
        return [tuple(pairs[max(0, at - 1) : at + 1]) for at, word in enumerate(self.words) if is_hard(word)]


class BenchmarkIndex:
    """The problems of a benchmark by prompt, by solution graph, by their numbers, and by 8-gram."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        texts = [ProblemText.of(problem) for problem in problems]
        self.entries: list[_Entry] = []
        self.prompts: dict[str, int] = {}
        self.graphs: dict[str, list[int]] = defaultdict(list)
        self.lengths: set[int] = set()
        self._plain: dict[str, int] = {}
        self._blocks: dict[Gram, _Block] = defaultdict(_Block)
        self._runs: dict[Gram, list[int]] = defaultdict(list)
        self._anchors: dict[Gram, list[int]] = defaultdict(list)
        self._blind: dict[Gram, list[int]] = defaultdict(list)
        for at, text in enumerate(texts):
            words = tokens(text.text)
            entry = _Entry(text.id, words)
            self.entries.append(entry)
            self.prompts.setdefault(text.prompt_id, at)
            self._plain.setdefault(plain(text.text), at)
            if text.graph:
                self.graphs[text.graph].append(at)
            self._blocks[_key(entry.hard)].add(at, words)
            if len(words) >= _SHORTEST:
                self.lengths.add(min(RUN, len(words)))
                for run in entry.runs:
                    self._runs[run].append(at)
                for anchor in entry.anchors:
                    self._anchors[anchor].append(at)
            for run in grams(blind(words)):
                self._blind[run].append(at)

    def __len__(self) -> int:
        return len(self.entries)

    def problem(self, row: ProblemText) -> Hit | None:
        """The worst overlap of a problem with one of the benchmark, None if there is none."""
        at = self.prompts.get(row.prompt_id, self._plain.get(plain(row.text)))
        if at is not None:
            return Hit(row.id, "exact", self.entries[at].id, 1.0, ("text",))
        words = tokens(row.text)
        return self._same(row, words) or self._quoted(row.id, words, problem=True) or self._new_numbers(row, words)

    def completion(self, row: str, text: str) -> Hit | None:
        """Problem of the benchmark that an answer repeats, its numbers included; None if there is none."""
        return self._quoted(row, tokens(text))

    def _quoted(self, row: str, words: Sequence[str], *, problem: bool = False) -> Hit | None:
        """The problem that a longer text contains: a quarter of its 8-grams or half of its 3-grams, and its numbers.

        `problem`: the text is one itself. It has all of the numbers and may have one more (its own in a list); with further
        ones it is another problem of the same kind, unless it contains nearly all of the benchmark's text.
        """
        own = Counter(hard(words))
        runs = Counter(
            at
            for length in self.lengths
            if len(words) >= length
            for run in grams(words, length)
            for at in self._runs.get(run, ())
        )
        near = Counter(at for anchor in anchors(words) for at in self._anchors.get(anchor, ()))
        near_entries = {at for at, count in runs.items() if count >= _QUOTED_RUNS * len(self.entries[at].runs)}
        near_entries |= {at for at, count in near.items() if 2 * count >= len(self.entries[at].anchors)}
        if not near_entries:
            return None
        best: tuple[float, int, tuple[str, ...]] | None = None
        # Sets have no order: of equal shares the problem that comes first is named.
        for at in sorted(near_entries):
            entry = self.entries[at]
            span = _span(entry, words)
            if not _same_numbers(entry, span):
                continue
            share = runs[at] / len(entry.runs)
            contexts = len(grams(span, _CONTEXT) & entry.contexts) / len(entry.contexts)
            if problem and (Counter(entry.hard) - own or (own.total() > len(entry.hard) + 1 and contexts < _NEARLY_ALL)):
                continue
            by = _names(runs=share >= _QUOTED_RUNS, near=contexts >= _QUOTED_CONTEXTS)
            if by and (best is None or share > best[0]):
                best = (share, at, by)
        return None if best is None else Hit(row, "same problem", self.entries[best[1]].id, best[0], best[2])

    def _same(self, row: ProblemText, words: Sequence[str]) -> Hit | None:
        """The problem with the same numbers that is nearest: by solution graph, by runs, or word by word."""
        own = hard(words)
        block = self._blocks.get(_key(own))
        if block is None:
            return None
        graph = set(self.graphs.get(row.graph or "", ()))
        runs = grams(words)
        best: tuple[int, float, int, tuple[str, ...]] | None = None
        for at in sorted(block.near(words, self._counts(runs)) | (graph & block.members.keys())):
            entry = self.entries[at]
            # Of the shorter text, so that what stands around a copy does not lower the share.
            share = len(runs & entry.runs) / max(1, min(len(runs), len(entry.runs)))
            placed = own == entry.hard or _alike(words, entry.words, _CONTEXT) >= _SAME_CONTEXTS
            by = _names(graph=at in graph, runs=placed and share >= _SAME_RUNS, near=_near(words, own, entry))
            if by and (best is None or (len(by), share) > best[:2]):
                best = (len(by), share, at, by)
        return None if best is None else Hit(row.id, "same problem", self.entries[best[2]].id, best[1], best[3])

    def _new_numbers(self, row: ProblemText, words: Sequence[str]) -> Hit | None:
        graph = self.graphs.get(row.graph or "")
        own = grams(blind(words))
        if graph:
            return Hit(row.id, "new numbers", self.entries[graph[0]].id, 0.0, ("graph",))
        shared = Counter(at for run in own for at in self._blind.get(run, ()))
        if not shared:
            return None
        at, count = min(shared.items(), key=lambda item: (-item[1], item[0]))
        share = count / len(own)
        return Hit(row.id, "new numbers", self.entries[at].id, share, ("8-grams",)) if share >= _BLIND_RUNS else None

    def _counts(self, runs: set[Gram]) -> Callable[[], Iterable[int]]:
        """The problems that share runs with a row, computed on demand."""
        return lambda: {at for run in runs for at in self._runs.get(run, ())}


@dataclass(slots=True)
class _Block:
    """The problems with the same numbers and signs: compared one by one while they are few, else those that share a run
    with the row or a band of its sketch.
    """

    members: dict[int, frozenset[bytes]] = field(default_factory=dict)
    sketches: SketchIndex | None = None

    def add(self, at: int, words: Sequence[str]) -> None:
        self.members[at] = _coded(words)
        if self.sketches is not None:
            self.sketches.add(at, self.members[at])
        elif len(self.members) > _BRUTE_FORCE:
            self.sketches = SketchIndex(_SAME_WORDS)
            for member, features in self.members.items():
                self.sketches.add(member, features)

    def near(self, words: Sequence[str], sharing: Callable[[], Iterable[int]]) -> set[int]:
        if self.sketches is None:
            return set(self.members)
        return self.sketches.query(_coded(words)) | (self.members.keys() & set(sharing()))


def _names(*, graph: bool = False, runs: bool = False, near: bool = False) -> tuple[str, ...]:
    return tuple(name for name, holds in zip(METHODS[1:], (graph, runs, near), strict=True) if holds)


def _key(sequence: Gram) -> Gram:
    """Numbers and signs in whatever order: clauses may be put in another one."""
    return tuple(sorted(sequence))


def anchors(words: Sequence[str]) -> set[Gram]:
    """The runs of four tokens with a number and a word in them."""
    runs = zip(*(words[start:] for start in range(ANCHOR)), strict=False)
    return {run for run in runs if any(word[0].isdigit() for word in run) and any(word[0].isalpha() for word in run)}


def _span(entry: _Entry, words: Sequence[str]) -> Sequence[str]:
    """The part of a longer text, as long as the problem at most, that has most 3-grams of it, first to last."""
    runs = zip(*(words[start:] for start in range(_CONTEXT)), strict=False)
    places = [place for place, run in enumerate(runs) if run in entry.contexts]
    longest, first, last = len(entry.words) + _SLACK - _CONTEXT, 0, -1
    start = 0
    for end, place in enumerate(places):
        while place - places[start] > longest:
            start += 1
        if end - start > last - first:
            first, last = start, end
    return words[places[first] : places[last] + _CONTEXT] if places else ()


def _same_numbers(entry: _Entry, span: Sequence[str]) -> bool:
    """True if a part of a text has no number or sign that the problem lacks, and holds three quarters of the problem's
    numbers and signs beside a neighbour of theirs.
    """
    if Counter(hard(span)) - Counter(entry.hard):
        return False
    pairs = set(itertools.pairwise(span))
    placed = sum(any(pair in pairs for pair in beside) for beside in entry.beside)
    return placed >= _IN_PLACE * len(entry.beside)


def _near(words: Sequence[str], own: Gram, entry: _Entry) -> bool:
    """Word by word if the numbers have the same order; else each number must have kept its neighbours."""
    if own == entry.hard:
        return _alike(words, entry.words, 1) >= _SAME_WORDS
    return _alike(words, entry.words, _CONTEXT) >= _SAME_CONTEXTS


def _alike(left: Sequence[str], right: Sequence[str], length: int) -> float:
    """The share of the runs of two texts that they have in common."""
    left_runs, right_runs = grams(left, length), grams(right, length)
    return len(left_runs & right_runs) / max(1, len(left_runs | right_runs))


def _coded(words: Iterable[str]) -> frozenset[bytes]:
    # Texts of models may hold lone surrogates, which UTF-8 refuses.
    return frozenset(word.encode("utf-8", errors="surrogatepass") for word in words if not is_hard(word))
