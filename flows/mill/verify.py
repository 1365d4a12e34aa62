"""The verifier stage: judges open batches with the chain of verifiers. Knows verdicts; commits nothing.

A verdict that is undecided for want of resources (its cause says so) is retried once, alone. What stays undecided goes to
the next verifier of the chain. A verifier that raises has crashed: the item is `undecided` with that cause, never
`incorrect`.
"""

from collections.abc import Iterator, Sequence

from flows.mill.batches import Known, OpenBatch
from flows.mill.gather import Pair, completions_by_id
from flows.mill.line import Judged, Line
from flows.mill.spec import MillSpec
from pipelines.protocols import Verifier
from storage.records import Completion, Problem, Verdict
from storage.workspace import Workspace

Item = tuple[Problem, Completion]
RESOURCE_CAUSES = frozenset(("cpu_limit", "memory_limit", "time_limit", "timeout", "crash", "killed"))


class Judge:
    """One verifier thread with verifiers of its own."""

    def __init__(self, ws: Workspace, spec: MillSpec, line: Line) -> None:
        self._ws, self._spec, self._line = ws, spec, line

    def run(self) -> None:
        """The body of a verifier thread: until a None arrives."""
        with self._spec.verifying() as chain:
            while (opened := self._line.to_judge.get()) is not None:
                self._line.check()
                verdicts = tuple(judge(chain, self._items(opened), opened.lack.known))
                self._line.inbox.put(Judged(opened, verdicts))

    def _items(self, opened: OpenBatch) -> list[Item]:
        rows = opened.lack.unjudged
        absent = {row.completion_id for row in rows} - opened.completions.keys()
        texts = opened.completions | completions_by_id(self._ws, absent)
        return [(self._spec.problem(row.problem_id), texts[row.completion_id]) for row in rows]


def judge(chain: Sequence[Verifier], items: Sequence[Item], known: dict[Pair, Known]) -> Iterator[Verdict]:
    """The verdicts that are not known yet, verifier by verifier; each sees what all before it left undecided."""
    left = list(items)
    for verifier in chain:
        name = (verifier.name, verifier.version)
        before = {pair: verdicts[name] for pair, verdicts in known.items() if name in verdicts}
        fresh = list(verdicts_of(verifier, [item for item in left if _pair(item) not in before]))
        yield from fresh
        outcomes = before | {(verdict.completion_id, verdict.problem_id): verdict for verdict in fresh}
        left = [item for item in left if outcomes[_pair(item)].outcome == "undecided"]
        if not left:
            return


def verdicts_of(verifier: Verifier, items: Sequence[Item]) -> Iterator[Verdict]:
    """One verdict per item, in order; what lacked resources was retried once, alone."""
    for item, verdict in zip(items, _first_verdicts(verifier, items), strict=True):
        if (verdict.completion_id, verdict.problem_id) != _pair(item):
            raise RuntimeError(f"verifier {verifier.name} gave its verdicts out of order")
        yield _one(verifier, item) if lacked_resources(verdict) else verdict


def lacked_resources(verdict: Verdict) -> bool:
    """Whether the cause, up to its colon, says that the verifier ran out of time, of memory or of its process."""
    return verdict.outcome == "undecided" and (verdict.cause or "").split(":")[0] in RESOURCE_CAUSES


def _first_verdicts(verifier: Verifier, items: Sequence[Item]) -> list[Verdict]:
    """All verdicts at once; a verifier that raises on the whole is asked item by item, so that one text spoils no batch."""
    try:
        verdicts = list(verifier.verify_many(items))
    except Exception:
        return [_one(verifier, item) for item in items]
    if len(verdicts) != len(items):
        raise RuntimeError(f"verifier {verifier.name} gave {len(verdicts)} verdicts for {len(items)} items")
    return verdicts


def _one(verifier: Verifier, item: Item) -> Verdict:
    try:
        return verifier.verify(*item)
    except Exception as error:
        return Verdict(
            completion_id=item[1].id,
            problem_id=item[0].id,
            verifier=verifier.name,
            version=verifier.version,
            outcome="undecided",
            rule="verifier_raised",
            cause=f"verifier crash: {type(error).__name__}: {error}"[:500],
        )


def _pair(item: Item) -> Pair:
    return item[1].id, item[0].id
