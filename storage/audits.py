"""Verifier versions in the ledger: their rules, audits of them, and people's judgements.

A version's rules are written once, when a run first uses it; `rollmill reverify` reads them after the verifier has changed.
Rules have plain descriptions if their verifier supplies them, for people who read verdicts.
A judgement belongs to a rollout, so every audit that drew the rollout uses it. rollmill.flows.auditing draws the rollouts,
and rollmill.stats estimates the rates.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import case, delete, func, select

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import AuditItemRow, AuditRow, JudgementRow, VerifierRow

Rules = tuple[tuple[str, str], ...]
"""(rule, its version) in the order in which they are tried."""


class Verifiers:
    """The verifier versions that this workspace has used."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(
        self,
        used: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
        words: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """Store the rules of every new (verifier, version) with the words of that verifier; known ones stay."""
        # Read first: most runs use known versions, and then need no write lock.
        with self._ledger.read() as session:
            new = {key: rules for key, rules in used.items() if session.get(VerifierRow, key) is None}
        if new:
            with self._ledger.write() as session:
                now = self._ledger.now(session)
                for (name, version), rules in new.items():
                    # Another command may have recorded it meanwhile.
                    if session.get(VerifierRow, (name, version)) is None:
                        listed = [[rule, of] for rule, of in rules]
                        session.add(VerifierRow(name=name, version=version, rules=listed, seen_at=now))
        self.explain(words or {})

    def unexplained(self) -> list[str]:
        """Names of the verifiers whose rules have no words: those of versions from before there were any."""
        with self._ledger.read() as session:
            return sorted({row.name for row in session.scalars(select(VerifierRow)) if _lacks_words(row)})

    def explain(self, words: Mapping[str, Mapping[str, str]]) -> None:
        """Add descriptions, by verifier and rule, to every version's rules that lack them."""
        if not any(words.values()) or not words.keys() & set(self.unexplained()):
            return
        with self._ledger.write() as session:
            for row in session.scalars(select(VerifierRow)).all():
                if _lacks_words(row) and words.get(row.name):
                    row.rules = [[rule, of, words[row.name].get(rule, "")] for rule, of in row.rules]

    def words(self, name: str, version: str) -> dict[str, str]:
        """Plain words by the name of a rule; empty for an unknown version, or one whose verifier gave none."""
        with self._ledger.read() as session:
            row = session.get(VerifierRow, (name, version))
            return {} if row is None else {rule: words[0] for rule, _, *words in row.rules if words and words[0]}

    def rules(self, name: str, version: str) -> Rules:
        """The rules of a version; empty for a version without rules or an unknown one."""
        with self._ledger.read() as session:
            row = session.get(VerifierRow, (name, version))
            return () if row is None else tuple((rule, of) for rule, of, *_ in row.rules)


def _lacks_words(row: VerifierRow) -> bool:
    return any(len(rule) == 2 for rule in row.rules)


Kind = Literal["natural", "planted"]
Judgement = Literal["correct", "incorrect", "unparsed", "unsure"]
JUDGEMENTS: tuple[Judgement, ...] = ("correct", "incorrect", "unparsed", "unsure")
Pair = tuple[str, str]
"""(completion id, problem id)."""
FEW = 500  # rollouts looked up by id; for more, all judgements are read


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit of one version of a verifier on one run: its sample and its report."""

    id: str
    verifier: str
    version: str
    kind: Kind
    source: str
    design: dict[str, Any]
    report: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditItem:
    """A drawn rollout: its position in the review, its inclusion probability and the verifier's outcome."""

    ordinal: int
    completion_id: str
    problem_id: str
    stratum: str
    probability: float
    weight: float
    outcome: str

    @property
    def pair(self) -> Pair:
        """Ids of the rollout to judge."""
        return self.completion_id, self.problem_id


@dataclass(frozen=True, slots=True)
class PersonJudgement:
    """A person's judgement of one rollout."""

    completion_id: str
    problem_id: str
    judge: str
    judgement: Judgement
    note: str | None = None
    judged_at: datetime | None = None

    @property
    def pair(self) -> Pair:
        """Ids of the judged rollout."""
        return self.completion_id, self.problem_id


# Names for the lists that methods return: inside Audits, `list` is a method.
Items = list[AuditItem]
Many = list[Audit]


def audit_id(kind: Kind, source: str, verifier: str, version: str, seed: int, *, simple: bool = False) -> str:
    """The id of an audit: equal for the same audit at another size. `simple`: every rollout has the same chance."""
    # Without the size, so that a larger audit of the same kind replaces the smaller one.
    parts = (kind, source, verifier, version, str(seed), *(["simple"] if simple else []))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{kind}-{digest[:10]}"


class Audits:
    """The audits and judgements of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def save(self, audit: Audit, items: Sequence[AuditItem] = ()) -> Audit:
        """Store an audit with its items, in one transaction; one with this id is replaced, its time of creation stays."""
        with self._ledger.write() as session:
            row = session.get(AuditRow, audit.id)
            if row is None:
                row = AuditRow(id=audit.id, created_at=self._ledger.now(session))
                session.add(row)
            row.verifier, row.version, row.kind, row.source = audit.verifier, audit.version, audit.kind, audit.source
            row.design, row.report = audit.design, audit.report
            session.flush()
            session.execute(delete(AuditItemRow).where(AuditItemRow.audit_id == audit.id))
            session.add_all(AuditItemRow(audit_id=audit.id, **asdict(item)) for item in items)
            return _audit(row)

    def record(self, audit: str, report: dict[str, Any]) -> None:
        """Store the report of an audit."""
        with self._ledger.write() as session:
            row = session.get(AuditRow, audit)
            if row is None:
                raise unknown_name("audit", audit, (), next_command="rollmill audit list")
            row.report = report

    def get(self, audit: str) -> Audit:
        """The audit with this id or id prefix; SetupError for none or several."""
        with self._ledger.read() as session:
            # Escaped: `_` or `%` in what a person typed would match any text.
            rows = session.scalars(select(AuditRow).where(AuditRow.id.startswith(audit, autoescape=True))).all()
            if len(rows) == 1:
                return _audit(rows[0])
            if rows:
                raise SetupError(f"{audit!r} begins several audits.", choices=[row.id for row in rows])
            known = session.scalars(select(AuditRow.id)).all()
            raise unknown_name("audit", audit, known, next_command="rollmill audit list")

    def list(self, verifier: str | None = None, version: str | None = None, source: str | None = None) -> Many:
        """Audits, the newest first; of one verifier, version or source if given."""
        query = select(AuditRow).order_by(AuditRow.created_at.desc(), AuditRow.id)
        wanted = ((AuditRow.verifier, verifier), (AuditRow.version, version), (AuditRow.source, source))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        with self._ledger.read() as session:
            return [_audit(row) for row in session.scalars(query)]

    def items(self, audit: str) -> Items:
        """The drawn rollouts of an audit in the order of review."""
        query = select(AuditItemRow).where(AuditItemRow.audit_id == audit).order_by(AuditItemRow.ordinal)
        with self._ledger.read() as session:
            names = AuditItem.__dataclass_fields__
            return [AuditItem(**{name: getattr(row, name) for name in names}) for row in session.scalars(query)]

    def waiting(self) -> dict[str, tuple[int, int]]:
        """Numbers of unjudged and of all drawn rollouts, by audit; for audits with unjudged ones."""
        of_item = (JudgementRow.completion_id == AuditItemRow.completion_id) & (
            JudgementRow.problem_id == AuditItemRow.problem_id
        )
        # Not a join: two reviewers of one rollout would count it twice.
        unjudged = func.sum(case((select(JudgementRow.judge).where(of_item).exists(), 0), else_=1))
        query = select(AuditItemRow.audit_id, unjudged, func.count()).group_by(AuditItemRow.audit_id)
        with self._ledger.read() as session:
            return {audit: (int(left), int(drawn)) for audit, left, drawn in session.execute(query) if left}

    def judge(self, judgements: Iterable[PersonJudgement]) -> int:
        """Store judgements in one transaction; a person's later judgement of a rollout replaces the earlier. The number
        stored."""
        rows = list({(judgement.pair, judgement.judge): judgement for judgement in judgements}.values())
        for judgement in rows:
            if judgement.judgement not in JUDGEMENTS:
                raise unknown_name("judgement", judgement.judgement, JUDGEMENTS)
        with self._ledger.write() as session:
            now = self._ledger.now(session)
            for judgement in rows:
                row = JudgementRow(
                    completion_id=judgement.completion_id, problem_id=judgement.problem_id, judge=judgement.judge
                )
                row.judgement, row.note, row.judged_at = judgement.judgement, judgement.note, now
                session.merge(row)
        return len(rows)

    def withdraw(self, pairs: Iterable[Pair], judge: str) -> None:
        """Delete a person's judgements of these rollouts."""
        with self._ledger.write() as session:
            for completion_id, problem_id in pairs:
                row = session.get(JudgementRow, (completion_id, problem_id, judge))
                if row is not None:
                    session.delete(row)

    def judgements(self, pairs: Sequence[Pair] | None = None) -> dict[Pair, tuple[PersonJudgement, ...]]:
        """Judgements of these rollouts (of all, if None), sorted by reviewer."""
        wanted = None if pairs is None else set(pairs)
        judged: dict[Pair, tuple[PersonJudgement, ...]] = {}
        columns = (JudgementRow.completion_id, JudgementRow.problem_id, JudgementRow.judge)
        query = select(*columns, JudgementRow.judgement, JudgementRow.note, JudgementRow.judged_at).order_by(*columns)
        if wanted is not None and len(wanted) <= FEW:
            query = query.where(JudgementRow.completion_id.in_({completion for completion, _ in wanted}))
        with self._ledger.read() as session:
            for completion, problem, judge, outcome, note, at in session.execute(query):
                pair = (completion, problem)
                # The query asked by completion alone, and one completion may answer several problems.
                if wanted is None or pair in wanted:
                    judgement = PersonJudgement(*pair, judge, outcome, note, datetime.fromtimestamp(at, UTC))
                    judged[pair] = (*judged.get(pair, ()), judgement)
        return judged

    def judges(self) -> dict[str, int]:
        """Number of judged rollouts by reviewer."""
        query = select(JudgementRow.judge, func.count()).group_by(JudgementRow.judge).order_by(JudgementRow.judge)
        with self._ledger.read() as session:
            return {row[0]: row[1] for row in session.execute(query)}


def _audit(row: AuditRow) -> Audit:
    kind: Kind = "planted" if row.kind == "planted" else "natural"
    created = datetime.fromtimestamp(row.created_at, UTC)
    return Audit(row.id, row.verifier, row.version, kind, row.source, row.design, row.report, created)
