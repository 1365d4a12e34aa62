"""Rollouts for a person to judge, one at a time, and the judgements; used by the terminal and the dashboard.

The only query that writes, and it writes judgements alone; rates are computed from them when they are shown. The verdicts
are separate fields, so that a view can keep them hidden.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import Completion, Verdict
from rollmill.storage.audits import JUDGEMENTS, Audit, Pair, PersonJudgement
from rollmill.storage.queries.browse.problems import prompt_text
from rollmill.storage.queries.browse.spreadsheets import MARK, as_it_was, as_text
from rollmill.storage.queries.judge.audited import CHAIN
from rollmill.storage.queries.judge.audits import Row, reviewers
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import run_scope

ENDING = 1_500  # characters at the end of a completion, where the answer is
COLUMNS = ("completion_id", "problem_id", "kind", "prompt", "reference", "extracted", "ending", "judgement", "note")
NEEDED = ("completion_id", "problem_id", "judgement")
UNDECIDED = "undecided rollouts of "  # beginning of a queue's title, before the run's id


@dataclass(frozen=True, slots=True)
class Queue:
    """Rollouts to be judged, in order: an audit's items, or the undecided rollouts of `run` (then `audit` is None)."""

    title: str
    pairs: tuple[Pair, ...]
    verifiers: tuple[tuple[str, str], ...]
    audit: Audit | None = None
    run: str = ""


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A rollout to judge. `verdicts` are for after the judgement; `judgements` are everybody's so far."""

    position: int
    completion_id: str
    problem_id: str
    kind: str
    prompt: str
    reference: str
    tests: tuple[str, ...]
    text: str
    extracted: str | None
    verdicts: tuple[Verdict, ...]
    judgements: tuple[PersonJudgement, ...]

    @property
    def ending(self) -> str:
        """The last 1,500 characters, where answers are."""
        return self.text if len(self.text) <= ENDING else "... " + self.text[-ENDING:]


def audit_queue(reader: Reader, audit: str | None = None) -> Queue:
    """The items of an audit, by default of the newest one; SetupError without an audit."""
    if audit is None:
        natural = [candidate for candidate in reader.audits.list() if candidate.kind == "natural"]
        if not natural:
            raise SetupError("nothing was drawn for review.", next_command="rollmill audit verifier math --n 300")
        chosen = natural[0]  # the newest: audits are listed so
    else:
        chosen = reader.audits.get(audit)
    if chosen.kind != "natural":
        raise SetupError(f"{chosen.id} is a stress test of planted errors; it needs no judgement.")
    verifiers = [(chosen.verifier, chosen.version)]
    # The chain gives no verdicts of its own: its members' verdicts stand for it.
    if chosen.verifier == CHAIN:
        verifiers = reader.runs.get(chosen.source).verifiers
    pairs = tuple(item.pair for item in reader.audits.items(chosen.id))
    return Queue(audit_title(chosen), pairs, tuple(verifiers), chosen)


def audit_queues(reader: Reader) -> list[tuple[str, str]]:
    """(id, title) of every audit for people to judge, the newest first."""
    natural = [audit for audit in reader.audits.list() if audit.kind == "natural"]
    return [(audit.id, audit_title(audit)) for audit in natural]


def audit_title(audit: Audit) -> str:
    """Title of an audit's queue, by which addresses name it."""
    return f"{audit.verifier} on {audit.source} ({audit.id})"


def undecided_queue(reader: Reader, run: str) -> Queue:
    """The rollouts of a run that all verifiers left undecided."""
    scope = run_scope(reader, run)
    with scope.connection("outcomes") as connection:
        rows = connection.execute(
            "SELECT completion_id, problem_id FROM outcomes WHERE outcome = 'undecided' ORDER BY problem_id, completion_id"
        ).fetchall()
    pairs = tuple((str(completion), str(problem)) for completion, problem in rows)
    return Queue(f"{UNDECIDED}{run}", pairs, tuple(reader.runs.get(run).verifiers), run=run)


def judged_undecided(reader: Reader, run: str, person: str) -> list[tuple[Completion, str, tuple[PersonJudgement, ...]]]:
    """(completion, problem id, judgements) of rollouts of a run that only people judged, as the verifier `person`."""
    scope = run_scope(reader, run)
    with scope.connection("rollouts") as connection:
        rows = connection.execute(
            "SELECT completion_id, problem_id FROM rollouts WHERE outcome = 'undecided' OR verifier = $1", [person]
        ).fetchall()
    judgements = reader.audits.judgements([(str(completion), str(problem)) for completion, problem in rows])
    texts = {record.id: record for record in reader.fetch("completions", sorted({pair[0] for pair in judgements}))}
    return [(texts[pair[0]], pair[1], votes) for pair, votes in judgements.items()]


def unjudged_positions(reader: Reader, queue: Queue, judge: str) -> list[int]:
    """Positions in the queue without a judgement by this person, in order."""
    judgements = reader.audits.judgements(queue.pairs)
    return [
        position
        for position, pair in enumerate(queue.pairs)
        if not any(judgement.judge == judge for judgement in judgements.get(pair, ()))
    ]


def review_item(reader: Reader, queue: Queue, position: int) -> ReviewItem:
    """An item with its texts; SetupError if its rows are lost."""
    return review_items(reader, queue, [position])[0]


def review_items(reader: Reader, queue: Queue, positions: Sequence[int]) -> list[ReviewItem]:
    """Several items with their texts, in the requested order."""
    pairs = [queue.pairs[position] for position in positions]
    completions = {record.id: record for record in reader.fetch("completions", sorted({pair[0] for pair in pairs}))}
    problems = {record.id: record for record in reader.fetch("problems", sorted({pair[1] for pair in pairs}))}
    verdicts: dict[Pair, list[Verdict]] = {}
    for verdict in reader.verdicts(queue.verifiers, pairs) if pairs else ():
        verdicts.setdefault((verdict.completion_id, verdict.problem_id), []).append(verdict)
    judgements = reader.audits.judgements(pairs)
    items = []
    for position, pair in zip(positions, pairs, strict=True):
        if pair[0] not in completions or pair[1] not in problems:
            raise SetupError(f"the rollout {pair[0][:12]} is lost.", next_command="rollmill doctor")
        problem, stored = problems[pair[1]], tuple(verdicts.get(pair, ()))
        items.append(
            ReviewItem(
                position=position,
                completion_id=pair[0],
                problem_id=pair[1],
                kind=problem.kind,
                prompt=prompt_text(problem.prompt),
                reference=problem.reference,
                tests=problem.tests,
                text=_text(completions[pair[0]]),
                # Verdicts come in the order of the chain, in which by default the last verifier decides.
                extracted=next((record.extracted for record in reversed(stored) if record.extracted is not None), None),
                verdicts=stored,
                judgements=judgements.get(pair, ()),
            )
        )
    return items


def identical(reader: Reader, queue: Queue, item: ReviewItem, positions: Iterable[int]) -> list[ReviewItem]:
    """The other items at these positions with the same answer to the same problem; empty for an item without an answer."""
    # Before any text is read: only answers to the same problem can be equal.
    same = [at for at in positions if at != item.position and queue.pairs[at][1] == item.problem_id]
    if item.extracted is None or not same:
        return []
    return [other for other in review_items(reader, queue, same) if other.extracted == item.extracted]


def review_progress(reader: Reader, queue: Queue) -> Row:
    """Judgements of a queue by reviewer, and the reviewers' agreement."""
    return reviewers(reader.audits.judgements(queue.pairs))


def judge_all(reader: Reader, items: Sequence[ReviewItem], who: str, judgement: str, note: str = "") -> None:
    """Store one person's judgement of some items; SetupError for an unknown judgement or an empty name."""
    if judgement not in JUDGEMENTS:
        raise unknown_name("judgement", judgement, JUDGEMENTS)
    name = who.strip()
    if not name:
        raise SetupError("a reviewer has a name.")
    judgements = [
        PersonJudgement(item.completion_id, item.problem_id, name, judgement, note.strip() or None) for item in items
    ]
    reader.audits.judge(judgements)


def export_csv(reader: Reader, queue: Queue, path: Path, reviewer: str, *, spreadsheet: bool = False) -> int:
    """Write the queue for another tool, with this person's judgements and without the verdicts; the number of rows.

    `spreadsheet`: no cell is one that a spreadsheet runs; `read_csv` undoes that.
    """
    items = review_items(reader, queue, range(len(queue.pairs)))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, (*COLUMNS, *([MARK] if spreadsheet else [])))
        writer.writeheader()
        for item in items:
            mine = next((judgement for judgement in item.judgements if judgement.judge == reviewer), None)
            # Without the last two columns, which are this person's and no fields of an item.
            row = {name: getattr(item, name) for name in COLUMNS[:-2]}
            row |= {"judgement": mine.judgement if mine else "", "note": (mine.note or "") if mine else ""}
            if spreadsheet:
                row = {name: as_text("" if cell is None else str(cell)) for name, cell in row.items()} | {MARK: "yes"}
            writer.writerow(row)
    return len(items)


def read_csv(queue: Queue, path: Path, reviewer: str) -> list[PersonJudgement]:
    """Judgements from a file with completion_id, problem_id, judgement and optionally note and judge; empty ones are
    skipped.

    SetupError names the line of a rollout outside the queue or of an unknown judgement.
    """
    try:
        # Spreadsheets write a byte order mark, which would be read as part of the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise SetupError(
                    f"{path} has no column {', '.join(missing)}.", next_command="rollmill review --export FILE"
                )
            # Read while the file is open; a quoted cell may span lines, so lines are not counted by row.
            rows = [(reader.line_num, _as_it_was(row)) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else error}.") from error
    known = set(queue.pairs)
    return [
        judgement
        for line, row in rows
        if (judgement := _judgement_of(row, known, f"{path} line {line}", reviewer)) is not None
    ]


def _as_it_was(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a file for spreadsheets as its cells were; of any other file as it is."""
    if row.get(MARK) != "yes":
        return row
    return {name: as_it_was(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def _judgement_of(row: Mapping[str, Any], known: set[Pair], where: str, reviewer: str) -> PersonJudgement | None:
    judgement = (row["judgement"] or "").strip().lower()
    if not judgement:
        return None
    pair = ((row["completion_id"] or "").strip(), (row["problem_id"] or "").strip())
    if pair not in known:
        raise SetupError(f"{where}: the rollout {pair[0][:32]!r} is not in this review.")
    if judgement not in JUDGEMENTS:
        raise unknown_name(f"judgement in {where}:", judgement, JUDGEMENTS)
    return PersonJudgement(
        *pair, (row.get("judge") or "").strip() or reviewer, judgement, (row.get("note") or "").strip() or None
    )


def _text(completion: Completion) -> str:
    if not completion.messages:
        return completion.text
    return "\n\n".join(f"[{turn.role} {turn.kind}]\n{turn.content}" for turn in completion.messages)
