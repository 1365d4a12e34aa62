"""Tasks for a person in a workspace: runs that ended badly, rollouts to judge, schedules that failed or rest, sign-offs.

Each task names one subject, so that a page can link it to the place where it is done. The counts of rollouts are those of
the queues in which they are judged (rollmill.storage.queries.judge.review).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rollmill.storage.queries.judge.review import audit_title, undecided_queue
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.schedules import ScheduleRow

if TYPE_CHECKING:
    from rollmill.storage.runs import Run
    from rollmill.storage.versions.resolve import VersionInfo

Kind = Literal["ended", "refused", "undecided", "audit", "fired", "paused", "foreign", "sign-off"]
BAD_ENDS = ("failed", "killed", "interrupted", "stopped")


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task. `name`: its subject: a run, the title of an audit's queue, a schedule, or a version.

    `words`: the status of a run or a firing, or for a sign-off the newest version that has one. `left` and `drawn`: the
    unjudged rollouts, and all of the queue. `firing`: that of a schedule which ended badly.
    """

    kind: Kind
    name: str
    words: str = ""
    left: int = 0
    drawn: int = 0
    firing: int | None = None


def newest_of_recipes(known: "Sequence[Run]") -> "list[Run]":
    """The newest run of each recipe, the latest first; pilots are left out."""
    # The latest come first, so in reverse the newest run of a recipe is set last.
    newest = {run.name: run for run in reversed(known) if not run.is_pilot}
    return [run for run in known if run is newest.get(run.name)]


def run_tasks(known: "Sequence[Run]", rows: Sequence[ScheduleRow]) -> list[OpenTask]:
    """Runs that ended badly and schedules whose last firing did, each once: a failure of a schedule's run belongs to the
    schedule, which can fire again; a gate's refusal and a limit to the run. A run that continued since is not a task.
    """
    well = {run.id for run in known if run.status in ("done", "running")}
    broken = [
        (row, last) for row in rows if row.schedule.own and (last := row.last) and last.status not in ("done", "running")
    ]
    fired = [(row, last) for row, last in broken if last.run is None or (row.goes_on(last) and last.run not in well)]
    theirs = {last.run for _, last in fired}
    ended = [run for run in newest_of_recipes(known) if run.status in BAD_ENDS and run.id not in theirs]
    return [
        *(OpenTask("fired", row.schedule.name, last.status, firing=last.id) for row, last in fired),
        *(OpenTask("refused" if run.refused else "ended", run.id, run.status) for run in ended),
        *(OpenTask("paused", row.schedule.name) for row in rows if row.schedule.own and row.schedule.paused),
        *(OpenTask("foreign", row.schedule.name) for row in rows if not row.schedule.own),
    ]


def judging_tasks(reader: Reader, known: "Sequence[Run]") -> list[OpenTask]:
    """Audits with unjudged rollouts, and ended runs with undecided rollouts, the newest first."""
    waiting = reader.audits.waiting()
    audits = [audit for audit in reader.audits.list() if audit.kind == "natural" and audit.id in waiting]
    tasks = [OpenTask("audit", audit_title(audit), "", *waiting[audit.id]) for audit in audits]
    for run in newest_of_recipes(known):
        # The summary tells without a query whether there is a queue to read.
        if run.status != "running" and run.summary.get("funnel", {}).get("undecided"):
            pairs = undecided_queue(reader, run.id).pairs
            left = len(pairs) - len(reader.audits.judgements(pairs))
            tasks += [OpenTask("undecided", run.id, "", left, len(pairs))] if pairs else []
    return tasks


def sign_off_tasks(datasets: "Iterable[Sequence[VersionInfo]]") -> list[OpenTask]:
    """Newest versions without a sign-off, of datasets with an older version that has one. Versions: the newest first."""
    tasks = []
    for versions in datasets:
        signed = [version for version in versions if version.signoffs]
        # A dataset that nobody ever signed off asks for no sign-off.
        if signed and not versions[0].signoffs and versions[0].yanked is None:
            tasks.append(OpenTask("sign-off", versions[0].ref, signed[0].ref))
    return tasks
