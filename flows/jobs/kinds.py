"""The kinds of jobs by the verb that asks for them."""

from collections.abc import Callable, Mapping
from typing import Any

from flows.job import Job
from flows.jobs.curate import Curate
from flows.jobs.driver import JobKind
from flows.jobs.evaluate import Evaluate
from flows.jobs.preview import Preview

KINDS: Mapping[str, Callable[[Job], JobKind[Any]]] = {
    "curate": Curate,
    "evaluate": Evaluate,
    "preview": Preview,
}


def kind_of(job: Job) -> JobKind[Any]:
    """The kind of a job; SetupError for any mistake in its recipe."""
    return KINDS[job.verb](job)
