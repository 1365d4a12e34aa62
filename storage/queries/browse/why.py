"""Record of one completion or problem, found by the first digits of its id, from a dataset version or a run.

A run without a publication (failed gate, or unfinished) is read from its plan and the segments. The evidence of verdicts
is JSON by verifiers about model text, so its form is not trusted: a person sees its counts first, then failed tests, and
the rest unchanged.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import has_follow_ups
from rollmill.ground.threads import Turn, Turns
from rollmill.storage.queries.browse.lineage import (
    lineage_and_followers,
    place_of,
    rows_of_turns,
    turns_in_version,
    turns_in_views,
)
from rollmill.storage.queries.browse.sent import Sent, sent_in_scope, sent_in_version
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import run_scope
from rollmill.storage.versions.content.hashing import CONTENT_COLUMNS
from rollmill.storage.versions.content.prompts import SHOWN
from rollmill.storage.versions.lookup import Lookup
from rollmill.storage.versions.read import load_manifest, reading
from rollmill.storage.versions.resolve import VersionInfo, versions

if TYPE_CHECKING:
    import duckdb


Kind = Literal["completion", "problem"]
Row = dict[str, Any]
Around = Sequence[tuple[str, Turn]]
"""Turns, each with its problem."""

_SHOWN = 8
_SHORTEST = 4
# Reads views `planned` (completion_id, problem_id, step), problems, completions, verdicts, scores and decided.
_FIND = (
    "SELECT DISTINCT 'completion' AS kind, completion_id AS id FROM planned WHERE starts_with(completion_id, $1) "
    "UNION SELECT 'problem', problem_id FROM planned WHERE starts_with(problem_id, $1) ORDER BY 1, 2 LIMIT 9"
)  # one more than shown
_MINE = "(completion_id, problem_id) IN (SELECT (completion_id, problem_id) FROM mine)"


@dataclass(frozen=True)
class Membership:
    """A version's hold on a row, and its decisions there: kept and dropped counts with their reasons.

    `change`: `added` if the parent version (as far as its rows are here) lacks the row, `changed` if its rollouts, verdicts
    or decisions differ there, else `same`.
    """

    version: str
    kept: int
    dropped: int
    reasons: tuple[str, ...]
    change: str = "same"


@dataclass(frozen=True)
class RowHistory:
    """Record of a rollout: its verdicts, scores and decisions. For a problem, all of its rollouts.

    `steps`: for a recipe of several steps, the step that drew each completion, its role, and the completions it follows.
    `follows`, `followed_by`: the lineage of a completion, roots first, and the completions that follow it
    (rollmill.storage.queries.browse.lineage.rows_of_turns). `sent`: the messages that the model got for each completion,
    where they are stored.
    """

    kind: Kind
    id: str
    version: str
    problems: tuple[Row, ...]
    rollouts: tuple[Row, ...]
    verdicts: tuple[Row, ...]
    scores: tuple[Row, ...]
    decisions: tuple[Row, ...]
    made_by: Row
    versions: tuple[Membership, ...]
    steps: tuple[Row, ...] = ()
    follows: tuple[Row, ...] = ()
    followed_by: tuple[Row, ...] = ()
    sent: Sent = field(default_factory=dict)

    def json(self) -> Row:
        """The record as plain JSON values."""
        return asdict(self)


def why(info: VersionInfo, id_prefix: str) -> RowHistory:
    """Look up a row of a version; SetupError if the digits match no row or several."""
    from duckdb import connect

    prefix = _checked(id_prefix)
    manifest = load_manifest(info)
    # One connection for all versions: creating one takes longer than attaching a version and looking up a row.
    with reading(info), connect() as connection:
        rows = Lookup(info, connection)
        matches: list[tuple[Kind, str]] = [("completion", row) for row in rows.beginning("completions", prefix, _SHOWN + 1)]
        matches += [("problem", row) for row in rows.beginning("problems", prefix, _SHOWN + 1)]
        nothing = SetupError(
            f"{info.ref} holds no completion and no problem whose id begins with {prefix!r}.",
            next_command=f"rollmill dataset why {info.name}@vN {prefix}",
        )
        kind, identity = _single(matches[: _SHOWN + 1], prefix, nothing)
        part = _part(rows, kind, identity)
        problems = part.problems | ({identity} if kind == "problem" else set())
        threads = turns_in_version(rows, problems)
        before, behind = lineage_and_followers(threads, identity)
        # For a problem, unjudged completions too: they have no decision and are read from the threads.
        mine = part.completions | {identity} if kind == "completion" else part.completions.union(*threads.values())
        stored = rows.rows("completions", mine | {turn.completion_id for _, turn in (*before, *behind)})
        return RowHistory(
            kind=kind,
            id=identity,
            version=info.ref,
            problems=tuple(rows.rows("problems", problems)),
            rollouts=tuple(row for row in stored if row["id"] in mine),
            verdicts=part.verdicts,
            scores=tuple(rows.rows("scores", mine, problem_id=problems)),
            decisions=part.decisions,
            made_by={key: manifest.get(key) for key in ("run", "recipe_hash", "fingerprint")},
            versions=_memberships(connection, info, (kind, identity), part),
            steps=_steps(part.decisions, threads, mine),
            sent=sent_in_version(rows, mine),
            **_lineage(before, behind, stored),
        )


def _steps(decisions: tuple[Row, ...], threads: Mapping[str, Turns], wanted: Collection[str]) -> tuple[Row, ...]:
    """The step of each completion: from its turn, or from its decision in a version without threads."""
    if not threads:
        named = [(row["problem_id"], Turn(row["completion_id"], row["step"])) for row in decisions if row.get("step")]
    else:
        named = [(problem, turns[cid]) for problem, turns in threads.items() for cid in turns if cid in wanted]
    return tuple(place_of(problem, turn) for problem, turn in named)


def _lineage(before: Around, behind: Around, stored: Sequence[Row]) -> Row:
    """The two fields of a Why about threads."""
    known = {row["id"]: row for row in stored}
    return {"follows": rows_of_turns(before, known), "followed_by": rows_of_turns(behind, known)}


@dataclass(frozen=True)
class _Part:
    """A version's rows about one problem or completion: decisions and verdicts; for an unjudged completion, its threads."""

    decisions: tuple[Row, ...]
    verdicts: tuple[Row, ...]
    threads: tuple[Row, ...] = ()

    @property
    def problems(self) -> set[str]:
        """Ids of the problems involved."""
        return {row["problem_id"] for row in (*self.decisions, *self.threads)}

    @property
    def completions(self) -> set[str]:
        """Ids of the completions involved."""
        return {row["completion_id"] for row in (*self.decisions, *self.threads)}

    def hashed_fields(self) -> object:
        """The hashed fields: equal for parts without a difference."""
        parts = ((CONTENT_COLUMNS["decisions"], self.decisions), (CONTENT_COLUMNS["verdicts"], self.verdicts))
        return [[[row.get(name) for name in columns] for row in rows] for columns, rows in parts]


def _part(rows: Lookup, kind: Kind, identity: str) -> _Part:
    """Rows of a version on a problem or completion. Decisions are keyed by problem and verdicts by completion, so each
    leads to the other; unjudged completions are searched for."""
    if kind == "problem":
        decisions = rows.rows("decisions", [identity])
        completions = {row["completion_id"] for row in decisions}
        return _Part(tuple(decisions), tuple(rows.rows("verdicts", completions, problem_id=[identity])))
    verdicts = rows.rows("verdicts", [identity])
    problems = {row["problem_id"] for row in verdicts}
    decisions = rows.rows("decisions", problems, completion_id=[identity])
    decisions = decisions or rows.rows("decisions", None, completion_id=[identity])
    threads = [] if decisions else rows.rows("threads", None, completion_id=[identity])
    return _Part(tuple(decisions), tuple(verdicts), tuple(threads))


def why_in_run(reader: Reader, run_id: str, id_prefix: str) -> RowHistory:
    """Look up a row of a run; SetupError if the digits match no row or several."""
    prefix = _checked(id_prefix)
    scope = run_scope(reader, run_id)
    follow = scope.run is not None and has_follow_ups(scope.run.recipe)
    with scope.connection("rollouts", "threads", "problems", "completions", "verdicts") as connection:
        connection.execute(f"CREATE VIEW scores AS {reader.rows('scores')}")
        nothing = SetupError(
            f"run {run_id} planned no completion and has no problem whose id begins with {prefix!r}.",
            next_command=f"rollmill runs show {run_id}",
        )
        kind, identity = _single(connection.execute(_FIND, [prefix]).fetchall(), prefix, nothing)
        part = _rows_of(connection, kind, identity, decided=scope.decided, follow=follow)
        return RowHistory(
            version=f"run {run_id}",
            **part,
            sent=sent_in_scope(connection, scope, [row["id"] for row in part["rollouts"]]),
            made_by={"run": run_id, "recipe_hash": scope.run.recipe_hash if scope.run else None, "fingerprint": None},
            versions=(),
        )


def run_of(reader: Reader, reference: str) -> str | None:
    """The run of a reference: its id, or the name of its dataset (then the latest such run); None for neither."""
    runs = sorted(reader.runs.list(), key=lambda run: run.is_pilot)
    named = [run.id for run in runs if run.id == reference]
    return next(iter([*named, *(run.id for run in runs if run.dataset == reference)]), None)


def _checked(id_prefix: str) -> str:
    prefix = id_prefix.strip().lower()
    if len(prefix) < _SHORTEST:
        raise SetupError(f"{id_prefix!r} is too short: give at least {_SHORTEST} digits of an id.")
    return prefix


def _single(matches: list[tuple[Kind, str]], prefix: str, nothing: SetupError) -> tuple[Kind, str]:
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise nothing
    more = " and more" if len(matches) > _SHOWN else ""
    listed = ", ".join(f"{kind} {identity[: len(prefix) + 8]}" for kind, identity in matches[:_SHOWN])
    raise SetupError(f"{prefix!r} fits several ids: {listed}{more}. Give more digits.")


def _rows_of(connection: "duckdb.DuckDBPyConnection", kind: Kind, identity: str, *, decided: bool, follow: bool) -> Row:
    """The row fields of a Why; a problem or completion outside every plan has no others."""
    connection.execute(f"CREATE TEMP TABLE mine AS SELECT * FROM planned WHERE {kind}_id = ?", [identity])  # noqa: S608
    connection.execute("CREATE TEMP TABLE asked AS SELECT ? AS kind, ? AS id", [kind, identity])
    problems = [row[0] for row in connection.execute("SELECT DISTINCT problem_id FROM mine ORDER BY 1").fetchall()]
    before, behind = lineage_and_followers(turns_in_views(connection, problems) if follow else {}, identity)
    ids = [turn.completion_id for _, turn in (*before, *behind)]
    connection.execute("CREATE TEMP TABLE near AS SELECT unnest(?::VARCHAR[]) AS id", [ids])  # Arrow would load pandas
    own = "id IN (SELECT {0}_id FROM mine UNION SELECT id FROM asked WHERE kind = '{0}'{1})"
    stored = _rows(connection, "completions", own.format("completion", " UNION SELECT id FROM near"))
    near = set(ids)
    # DuckDB splits an empty text into one empty text, where Python's split gives none.
    after = "list_filter(string_split(after, ' '), lambda id: id <> '') AS after"
    threads = f"(SELECT completion_id, problem_id, step, role, {after} FROM threads)"  # noqa: S608
    return {
        "kind": kind,
        "id": identity,
        "problems": _rows(connection, f"(SELECT {SHOWN} FROM problems)", own.format("problem", "")),  # noqa: S608
        "rollouts": tuple(row for row in stored if row["id"] not in near),
        "verdicts": _rows(connection, "verdicts", _MINE),
        "scores": _rows(connection, "scores", _MINE),
        "decisions": _rows(connection, "decided", _MINE) if decided else (),
        "steps": _rows(connection, threads, f"step <> '' AND {_MINE}"),
        **_lineage(before, behind, stored),
    }


def _memberships(
    connection: "duckdb.DuckDBPyConnection", info: VersionInfo, row: tuple[Kind, str], known: _Part
) -> tuple[Membership, ...]:
    """The row in every version whose rows are here, oldest first; `known` is its part in this version."""
    memberships: list[Membership] = []
    parts: dict[str, _Part] = {}  # by content hash
    before: _Part | None = None
    for version in versions(info.path.parent.parent, info.name):
        if not version.path.exists():
            continue
        with reading(version):
            part = known if version.folder == info.folder else _part(Lookup(version, connection), *row)
        # The parent need not be the previous number; if the parent's rows are missing, that version stands in for it.
        before = parts.get(version.parent or "", before)
        parts[version.content_hash] = part
        if part.problems:
            kept = sum(row["kept"] for row in part.decisions)
            reasons = {row["reason"] for row in part.decisions} | {f"role {row['role']}" for row in part.threads}
            added = before is None or not before.problems
            change = (
                "added"
                if added
                else "same"
                if before is not None and before.hashed_fields() == part.hashed_fields()
                else "changed"
            )
            memberships.append(Membership(version.ref, kept, len(part.decisions) - kept, tuple(sorted(reasons)), change))
        before = part
    return tuple(memberships)


def _rows(connection: "duckdb.DuckDBPyConnection", table: str, condition: str) -> tuple[Row, ...]:
    rows = connection.sql(f"SELECT * FROM {table} WHERE {condition} ORDER BY ALL")  # noqa: S608 - our own names, ids of ours
    return tuple(rows.to_arrow_table().to_pylist())


MOST = 12
_WIDTH = 200


def evidence_lines(evidence: str | None, most: int = MOST) -> list[str]:
    """At most about `most` lines; none without evidence."""
    if evidence is None:
        return []
    try:
        values = json.loads(evidence)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return [_cut(evidence)]
    tests = values.pop("tests", None)
    lines = []
    if "passed" in values and "total" in values:
        passed, total, omitted = values.pop("passed"), values.pop("total"), values.pop("omitted", 0)
        more = f" ({omitted} of them not listed)" if omitted else ""
        lines.append(f"tests passed: {passed} of {total}{more}")
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for key, value in values.items()
    }
    lines += [f"{key}: {_cut(text)}" for key, text in sorted(texts.items())][:most]
    if not isinstance(tests, list):
        return lines
    # Failed tests come first, then as many others as there is room for.
    ordered = sorted((test for test in tests if isinstance(test, dict)), key=lambda test: test.get("status") == "passed")
    lines += map(_test_line, ordered[:most])
    return lines if len(ordered) <= most else [*lines, f"... and {len(ordered) - most} more tests"]


def brief(text: str | None) -> str:
    """Extracted text on one line: the text itself if it is short, else its length."""
    if text is None:
        return "nothing"
    lines = text.count("\n") + 1
    return repr(text) if lines == 1 and len(text) <= _WIDTH else f"{lines} lines, {len(text):,} characters"


def _test_line(test: Mapping[str, Any]) -> str:
    cause = f" ({test['cause']})" if test.get("cause") else ""
    detail = f" - {test['detail']}" if test.get("detail") else ""
    return _cut(f"test {test.get('i')} {test.get('status')}{cause}: {test.get('name')}{detail}")


def _cut(text: str) -> str:
    line = " ".join(text.split("\n"))
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
