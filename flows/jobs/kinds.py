"""The kinds of jobs by their verbs. A kind is imported on first use."""

from collections.abc import Mapping
from typing import Any

from rollmill.flows.driver import RecipeKind
from rollmill.flows.job import Job
from rollmill.ground.by_name import object_at

KINDS: Mapping[str, str] = {
    "curate": "rollmill.flows.jobs.curate:Curate",
    "evaluate": "rollmill.flows.jobs.evaluate:Evaluate",
    "preview": "rollmill.flows.jobs.preview:Preview",
    "train": "rollmill.flows.training.train_job:Train",
    "trial": "rollmill.flows.trials.trial_job:Trial",
    "loop": "rollmill.flows.loops.loop_job:Loop",
    "study": "rollmill.flows.studies.study_job:Study",
    "mix": "rollmill.flows.mixing.mix_job:Mixture",
    "sweep": "rollmill.flows.sweeps.sweep_job:Sweep",
}
"""Kinds that are made of a job with a recipe, as `module:class`."""
REQUESTS: Mapping[str, str] = {
    "adopt": "rollmill.flows.adopting.several:Adopt",
    "audit": "rollmill.flows.auditing.drawing:DrawAudit",
    "plan": "rollmill.flows.forecasting.plan_job:Plan",
    "reverify": "rollmill.flows.rejudging.reverify_run:Reverify",
}
"""Kinds that are made of a request."""


def kind_of(job: Job) -> RecipeKind[Any]:
    """The kind of a job; SetupError for any mistake in its recipe."""
    kind: RecipeKind[Any] = object_at(KINDS[job.verb])(job)
    return kind
