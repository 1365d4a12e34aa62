"""Checks of follow-ups after a lost text was drawn again with a different result."""

from collections.abc import Sequence

from rollmill.flows.rounds.drawing.batches import requests_of
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import of_steps, together
from rollmill.flows.rounds.threads import AT_ONCE, RunThreads
from rollmill.ground.errors import SetupError, Unavailable
from rollmill.ground.records import PlanRow
from rollmill.roles.tallies import Draw


def check_follow_ups(run: OpenRun, plans: Sequence[Sequence[PlanRow]]) -> RunThreads | None:
    """Check that no follow-up refers to the old version of a lost and redrawn text; SetupError if one does. Returns the
    threads.

    The id of a follow-up is a hash of its rendered prompt, which contains that text, so rendering it again reveals a
    change. If the prompt shows no text, or the same one, the conditions of its step may no longer hold. None, without any
    check, if the workspace never lost a completion.
    """
    if not (run.spec.follows and run.workspace.segments.registry.has_lost("completions")):
        return None
    threads, planned = run.follow(plans), together(plans)
    for step in run.spec.steps:
        rows = of_steps(planned, [step.name]) if step.follows else ()
        for start in range(0, len(rows), AT_ONCE):
            try:
                for _ in requests_of(run, list(rows[start : start + AT_ONCE])):
                    pass
            except Unavailable:
                raise  # a server or a disk that is away says nothing about the texts
            except SetupError:
                raise _other_texts(run, step.name) from None
    for link in threads.outdated_follow_ups(planned):
        raise _other_texts(run, link.step)
    return threads


def due_follow_ups(run: OpenRun, plans: Sequence[Sequence[PlanRow]]) -> list[Draw]:
    """Follow-ups now due in a run that had ended after these rounds (without the empty round at its end)."""
    threads = check_follow_ups(run, plans)
    return [] if threads is None else list(threads.draws(together(plans)))


def _other_texts(run: OpenRun, step: str) -> SetupError:
    return SetupError(
        f"texts that step {step!r} of run {run.id} follows were lost and drawn again with different results: "
        "its completions refer to the old texts.",
        next_command="--set name=NAME: another run reuses the stored completions, and draws the follow-ups again",
    )
