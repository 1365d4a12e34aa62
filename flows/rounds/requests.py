"""The requests of planned rows, rendered again from what is stored, each under the id that was planned."""

from collections.abc import Iterator, Sequence

from flows.rounds.open_run import OpenRun
from flows.sampling.steps import Step
from storage.errors import SetupError
from storage.records import PlanRow, Request, completion_id


def requests_of(run: OpenRun, rows: Sequence[PlanRow]) -> Iterator[Request]:
    """The request of each planned row of a step, under the id that was planned.

    SetupError where the model is no longer the one that was planned: its ids would not be the planned ones. One row of a
    rendered prompt speaks for all, as engine, model and sampling are the same for each of them.
    """
    checked: set[str] = set()
    for row, prompt in zip(rows, run.prompts(rows), strict=True):
        step, engine = run.spec.step(row.step), run.engine(row.step)
        rendered = engine.render(prompt)
        request = Request(
            row.completion_id, row.prompt_id, prompt, rendered, step.sampling, row.seed, run.spec.stream, row.sample_index
        )
        if rendered not in checked and _id_today(run, step, request) != row.completion_id:
            raise SetupError(
                f"run {run.id} was planned with another model, chat template or sampling than {engine.model} has now, or a "
                "text that a step follows was lost, and rows of that plan are missing.",
                next_command="restore the model, or give the changed recipe another name",
            )
        checked.add(rendered)
        yield request


def _id_today(run: OpenRun, step: Step, request: Request) -> str:
    origin = run.origin(step.name)
    return completion_id(origin, request.rendered, step.sampling, seed=request.seed, sample_index=request.sample_index)
