"""Whether what follows a text still follows it, where texts were lost: a server may draw another one the second time.

The id of a follow-up is a hash of its rendered prompt, in which the text stands that it follows. So rendering again tells.
"""

from sqlalchemy import select

from flows.rounds.batches import requests_of
from flows.rounds.open_run import OpenRun
from flows.rounds.plan import all_plans
from flows.rounds.plan_rows import of_steps, together
from flows.rounds.threads import AT_ONCE, RunThreads
from storage.errors import SetupError
from storage.ledger.models import LostSegmentRow
from storage.workspace import Workspace


def check_follow_ups(ws: Workspace, run: OpenRun) -> None:
    """SetupError where follow-ups were asked about a text that was lost, and drawn again as another.

    Looks at nothing where no completion of the workspace was ever lost.
    """
    if not run.spec.follows or not _lost(ws):
        return
    plans = all_plans(ws, run)
    threads = RunThreads(ws, run)
    threads.note(plans)
    run.follow_up_prompts, planned = threads.prompts, together(plans)
    for step in run.spec.every_step():
        rows = of_steps(planned, [step.name]) if step.follows else ()
        for start in range(0, len(rows), AT_ONCE):
            try:
                for _ in requests_of(run, list(rows[start : start + AT_ONCE])):
                    pass
            except SetupError:
                raise SetupError(
                    f"texts that step {step.name!r} of run {run.id} follows were lost and drawn again, and are others now: "
                    "what follows them was asked about the old ones.",
                    next_command="--set name=NAME: another run takes what is stored, and asks again what follows",
                ) from None


def _lost(ws: Workspace) -> bool:
    """Whether a segment of completions was ever lost."""
    with ws.ledger.read() as session:
        found = session.scalars(select(LostSegmentRow.id).where(LostSegmentRow.kind == "completions").limit(1)).first()
    return found is not None
