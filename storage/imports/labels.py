"""Labels of an imported answer: all columns other than its text, and the current ones among them.

The id of an imported answer is that of its text. Another import, or a later file, may have the same text with other
labels: these are rows of their own, which name the answer that they label, so each import reads its own labels. An
update (`import rollouts --update`) overrides earlier labels of the import, which stay stored.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Completion, message_json
from rollmill.storage.import_records import PREFIX, producer_of
from rollmill.storage.imports.completion_rows import ImportedCompletion
from rollmill.storage.imports.reading.columns import listed
from rollmill.storage.imports.stored import SAME_ANSWER, current_rows, updates
from rollmill.storage.segments.keys import Segment
from rollmill.storage.segments.views import select

if TYPE_CHECKING:
    from rollmill.storage.segments.store import SegmentStore

_PLAIN = ("finish_reason", "tokens_in", "tokens_out", "logprob_sum")
_TEXTS = ("reasoning", "messages")
_OURS = ("import", SAME_ANSWER)
# The same digests as in `labels_of`: the labels of the file are compared with those stored.
_COLUMNS = ", ".join(["id", "model", "sample_index", *_PLAIN, *(f"md5({name}) AS {name}" for name in _TEXTS), "meta"])
_FETCHED = 4096
_NAMED = 20  # answers with other labels, of which the labels are named
Key = tuple[str, str, int]
"""(problem id, model label, sample index)."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that an import holds: its id, the id that its text alone has, and the digest of its labels."""

    id: str
    answer: str
    labels: str


class Relabelling:
    """The labels of one file compared with those that are stored: by this import, and by others under the same ids.

    In a pass through the file `survey` takes every answer, and `labelled` gives it in its stored form as far as earlier
    passes know it; `settled` after the pass says whether they knew it, and otherwise `again` begins another pass.
    """

    def __init__(self, store: "SegmentStore", name: str, *, update: bool) -> None:
        self._store, self._name, self._update = store, name, update
        self.stored = _stored_answers(store, name)
        self._others = _other_imports(store, name)
        self._met: set[str] = set()
        self._elsewhere: set[str] = set()
        self.number = 0
        self.again()

    def again(self) -> "Relabelling":
        """Itself, before another pass."""
        self._new: dict[str, str | None] = {}
        self._changed: dict[str, dict[str, Any]] = {}
        self.changed = 0
        return self

    def survey(self, drawn: ImportedCompletion) -> bool:
        """True for an answer without a clash: no other text at its problem, model and index."""
        answer, before = drawn.completion.id, self.stored.get(_key(drawn)) if self.stored else None
        if before is None:
            if self._others:
                self._new[answer] = digest_of(labels_of(drawn.completion)) if answer in self._met else None
        elif before.answer != answer:
            return False
        elif before.labels != digest_of(labels := labels_of(drawn.completion)):
            self.changed += 1
            # Some are enough to name the labels; the number is counted above.
            if len(self._changed) < _NAMED:
                self._changed[before.id] = labels
        return True

    def settled(self) -> bool:
        """True if the pass knew which of its answers others hold and label otherwise, and the number of its update."""
        known = self._met, self._elsewhere, self.number
        # The digests of labels cost as much as everything else of a row: only answers that are stored elsewhere need them.
        self._met = self._store.present("completions", list(self._new)) if self._new else set()
        met = {answer: labels for answer in self._met if (labels := self._new[answer]) is not None}
        self._elsewhere = _other_labels(self._store, self._others, met)
        self.number = updates(self._store, self._name) + 1 if self._update and self.changed else 0
        return known == (self._met, self._elsewhere, self.number)

    def labelled(self, drawn: ImportedCompletion) -> Completion:
        """The answer with the id of its labels."""
        completion, before = drawn.completion, self.stored.get(_key(drawn)) if self.stored else None
        if before is None and completion.id not in self._elsewhere:
            return completion
        labels = digest_of(labels_of(completion))
        # Without an update an answer keeps its stored id, so that the writer finds it and adds nothing.
        if before is not None and (before.labels == labels or not self._update):
            return replace(completion, id=before.id)
        # With the update's number: labels that return to earlier ones would otherwise find their old row.
        identity = digest128(["labelled", completion.id, labels, self.number if before is not None else 0])
        return replace(completion, id=identity, meta={**completion.meta, SAME_ANSWER: completion.id})

    def notes(self) -> list[str]:
        """Notes on changed labels."""
        if not self.changed:
            return []
        names: Counter[str] = Counter()
        for identity, before in _labels_by_id(self._store, list(self._changed)).items():
            now = self._changed[identity]
            names.update(name for name in {*before, *now} if before.get(name) != now.get(name))
        named = listed(name.removeprefix("meta.") for name in sorted(names))
        done = "were updated; the old ones stay stored" if self._update else "stay unchanged (--update takes the new)"
        return [f"{self.changed:,} stored answers have other labels in the file ({named}), which {done}"]


def _key(drawn: ImportedCompletion) -> Key:
    return drawn.problem.id, drawn.completion.model, drawn.completion.sample_index


def labels_of(completion: Completion) -> dict[str, Any]:
    """The labels by name; long texts as their digests."""
    messages = completion.messages and canonical_json([message_json(message) for message in completion.messages])
    texts = {"reasoning": completion.reasoning, "messages": messages}
    plain = {name: getattr(completion, name) for name in _PLAIN}
    meta = {name: value for name, value in completion.meta.items() if name not in _OURS}
    return {**plain, **{name: text and md5(text.encode()).hexdigest() for name, text in texts.items()}, **_prefixed(meta)}  # noqa: S324


def digest_of(labels: Mapping[str, Any]) -> str:
    """Equal for equal labels."""
    # A null is no label: a file with an empty column equals one without the column.
    return digest128(["labels", {name: value for name, value in labels.items() if value is not None}])


def _stored_answers(store: "SegmentStore", name: str) -> dict[Key, StoredAnswer]:
    """The answers of an import with the labels that count."""
    with store.cursor() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM ({current_rows(store, name)})")  # noqa: S608
        return {
            (str(labels["meta.problem_id"]), model, index): StoredAnswer(identity, answer, digest_of(labels))
            for identity, model, index, answer, labels in _told(rows)
        }


def _other_imports(store: "SegmentStore", name: str) -> list[Segment]:
    """The segments of other imports' completions."""
    segments = store.readable(store.registry.segments("completions"))
    return [segment for segment in segments if segment.producer != producer_of(name) and not _drawn(segment)]


def _other_labels(store: "SegmentStore", others: Sequence[Segment], labels: Mapping[str, str]) -> set[str]:
    """Ids of answers that other imports hold with other labels. `labels`: digests of labels by id."""
    if not labels:
        return set()
    with store.cursor() as connection:
        connection.register("wanted", pa.table({"id": pa.array(list(labels), pa.string())}))
        stored = select("completions", others, store.path)
        query = f"SELECT {_COLUMNS} FROM ({stored}) SEMI JOIN wanted USING (id)"  # noqa: S608
        rows = connection.execute(query)
        return {identity for identity, _, _, _, labelled in _told(rows) if digest_of(labelled) != labels[identity]}


def _labels_by_id(store: "SegmentStore", ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The labels of some completions, by id."""
    with store.cursor() as connection:
        connection.register("wanted", pa.table({"id": pa.array(list(ids), pa.string())}))
        stored = select("completions", store.readable(store.registry.segments("completions")), store.path)
        rows = connection.execute(f"SELECT {_COLUMNS} FROM ({stored}) SEMI JOIN wanted USING (id)")  # noqa: S608
        return {identity: labels for identity, _, _, _, labels in _told(rows)}


def _told(cursor: Any) -> Iterator[tuple[str, str, int, str, dict[str, Any]]]:
    """(id, model, sample index, the id of its text alone, labels) of the rows of a query over _COLUMNS."""
    while batch := cursor.fetchmany(_FETCHED):
        for identity, model, index, *values, meta_text in batch:
            meta = json.loads(meta_text or "{}")
            answer = str(meta.get(SAME_ANSWER, identity))
            told = {name: value for name, value in meta.items() if name not in _OURS}
            yield identity, model, index, answer, {**dict(zip((*_PLAIN, *_TEXTS), values, strict=True)), **_prefixed(told)}


def _prefixed(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {f"meta.{name}": value for name, value in meta.items()}


def _drawn(segment: Segment) -> bool:
    """True for a segment of an engine's draws; a segment registered again without a name may be an import's."""
    return not segment.producer.startswith(PREFIX) and segment.producer != "recovered"
