"""The kinds of jobs by their verbs. A kind is imported on first use."""

from collections.abc import Mapping
from typing import Any

from flows.driver import RecipeKind
from flows.job import Job
from storage.ground.by_name import object_at

KINDS: Mapping[str, str] = {
    "curate": "flows.jobs.curate:Curate",
    "evaluate": "flows.jobs.evaluate:Evaluate",
    "preview": "flows.jobs.preview:Preview",
    "train": "flows.training.train_job:Train",
    "trial": "flows.trials.trial_job:Trial",
    "loop": "flows.loops.loop_job:Loop",
    "study": "flows.studies.study_job:Study",
    "mix": "flows.mixing.mix_job:Mixture",
    "sweep": "flows.sweeps.sweep_job:Sweep",
}
"""Kinds that are made of a job with a recipe, as `module:class`."""
REQUESTS: Mapping[str, str] = {
    "adopt": "flows.adopting.several:Adopt",
    "audit": "flows.auditing.drawing:DrawAudit",
    "plan": "flows.forecasting.plan_job:Plan",
    "reverify": "flows.rejudging.reverify_run:Reverify",
}
"""Kinds that are made of a request."""


def kind_of(job: Job) -> RecipeKind[Any]:
    """The kind of a job; SetupError for any mistake in its recipe."""
    kind: RecipeKind[Any] = object_at(KINDS[job.verb])(job)
    return kind
