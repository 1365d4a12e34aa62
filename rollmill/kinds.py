"""The table of the product's kinds of jobs, and those of installed packages.

A package brings a kind by an entry point in the group `rollmill.kinds`, whose name is the verb, for a `Kind`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.kind import FiringRules, Kind, RecipeRules, StartForm

GROUP = "kinds"
_ADOPT = Kind(
    verb="adopt",
    about="Another tool's evaluation log, its numbers recomputed, and ours.",
    job="rollmill.flows.adopting.several:Adopt",
    command="rollmill.flows.cli.make.adopt:adopt",
    panel="Make",
)
_PLAN = Kind(
    verb="plan",
    about="What a recipe will take, before it is drawn.",
    job="rollmill.flows.forecasting.plan_job:Plan",
    command="rollmill.flows.cli.make.plan:plan",
    panel="Make",
)
_PREVIEW = Kind(
    verb="preview",
    about="A recipe's first problems through every stage up to selection; nothing is published.",
    job="rollmill.flows.jobs.preview:Preview",
    command="rollmill.flows.cli.make.preview:preview",
    result="run",
)
_CURATE = Kind(
    verb="curate",
    about="A recipe to a dataset version: problems, completions, verdicts, selection, gate.",
    job="rollmill.flows.jobs.curate:Curate",
    command="rollmill.flows.cli.make.curate:curate",
    panel="Make",
    result="run",
    resumes=True,
    page="rollmill.flows.cli.summary:summary",
    recipe=RecipeRules(
        key="recipe_schema",
        noun="recipe",
        schema="rollmill.flows.recipe.schema:Recipe",
        loader="rollmill.flows.recipe.load:load_recipe",
        look="rollmill.flows.recipe_check:check_recipe",
        dataset=True,
        example="recipes/arithmetic.yaml",
    ),
    form=StartForm(limits=True, prefect=True, forecast=True),
    firing=FiringRules(
        flow="rollmill.flows.prefect.flows.curate:curate",
        models="rollmill.flows.prefect.drawn_models:of_recipe",
        fresh={"redraw": "generate.redraw", "seed": "seed"},
        makes="each is a run and a version of its own",
        unchanged="Not fresh: every firing continues the same recipe. It makes missing rows (after an edit of a recipe, "
        "new imports, an interruption); without any, it draws and publishes nothing. --fresh redraw or --fresh seed "
        "makes something new each time.",
    ),
)
_EVALUATE = Kind(
    verb="evaluate",
    about="Every benchmark asked of every model, with reports.",
    job="rollmill.flows.jobs.evaluate:Evaluate",
    command="rollmill.flows.cli.make.evaluate:evaluate",
    panel="Make",
    result="run",
    recipe=RecipeRules(
        key="evaluation_schema",
        noun="evaluation",
        schema="rollmill.flows.recipe.evaluations:EvaluationRecipe",
        loader="rollmill.flows.recipe.evaluations:load_evaluation",
        look="rollmill.flows.recipe_check:check_evaluation",
        dry="--dry-run",
        folder="recipes/evaluations",
        example="recipes/evaluations/arithmetic.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.forecast:CELLS", limits=True, prefect=True),
    firing=FiringRules(
        flow="rollmill.flows.prefect.flows.evaluate:evaluate",
        models="rollmill.flows.prefect.drawn_models:of_evaluation",
        fresh={"redraw": "redraw", "seed": "seed"},
        problems="a benchmark makes them",
        unchanged="Not fresh: every firing continues the same evaluation. It draws missing completions (after an edit of a "
        "file, new imports, another model); without any, it measures the same again. --fresh redraw draws new ones each "
        "time.",
    ),
)
_MIX = Kind(
    verb="mix",
    about="Versions, runs and imports to one dataset version, each with its declared share.",
    job="rollmill.flows.mixing.mix_job:Mixture",
    command="rollmill.flows.cli.make.mix:mix",
    panel="Make",
    result="version",
    recipe=RecipeRules(
        key="mix_schema",
        noun="mixture",
        dataset=True,
        schema="rollmill.flows.mixing.mix_recipe:MixtureRecipe",
        loader="rollmill.flows.mixing.mix_recipe:load_mixture",
        dry="--dry-run",
        folder="recipes/mixtures",
        example="recipes/mixtures/hard.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.choices:MIXTURE"),
    firing=FiringRules(
        flow="rollmill.flows.prefect.flows.mix:mix",
        models="rollmill.flows.prefect.drawn_models:of_mixture",
        unchanged="Every firing mixes what the sources have then; equal content is no new version. It draws nothing.",
    ),
)
_SWEEP = Kind(
    verb="sweep",
    about="Settings, prompts or models compared: one is chosen on half of the problems and reported on the other half.",
    job="rollmill.flows.sweeps.sweep_job:Sweep",
    command="rollmill.flows.cli.make.sweep:sweep",
    result="run",
    recipe=RecipeRules(
        key="sweep_schema",
        noun="sweep",
        schema="rollmill.flows.sweeps.sweep_recipe:SweepRecipe",
        loader="rollmill.flows.sweeps.sweep_recipe:load_sweep",
        dry="--plan",
        folder="recipes/sweeps",
        example="recipes/sweeps/temperature.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.choices:SWEEP", limits=True),
    firing=FiringRules(
        flow="rollmill.flows.prefect.flows.sweep:sweep",
        models="rollmill.flows.prefect.drawn_models:of_sweep",
        fresh={"seed": "set.seed"},
        unchanged="Not fresh: every firing continues the same sweep. It draws missing completions; without any, it chooses "
        "the same again. --fresh seed makes new problems and draws anew each time.",
    ),
)
_TRAIN = Kind(
    verb="train",
    about="Dataset versions to a version of a model.",
    job="rollmill.flows.training.train_job:Train",
    command="rollmill.flows.cli.make.train:train",
    panel="Make",
    result="training",
    recipe=RecipeRules(
        key="train_schema",
        noun="training",
        schema="rollmill.flows.training.training_recipe:TrainingRecipe",
        loader="rollmill.flows.training.training_recipe:load_training",
        dry="--dry-run",
        folder="recipes/training",
        example="recipes/training/student.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.training:TRAINING"),
)
_TRIAL = Kind(
    verb="trial",
    about="Students trained on two or more datasets and compared: which data are better.",
    job="rollmill.flows.trials.trial_job:Trial",
    command="rollmill.flows.cli.make.trial:trial",
    panel="Make",
    result="experiment",
    recipe=RecipeRules(
        key="trial_schema",
        noun="trial",
        schema="rollmill.flows.trials.trial_recipe:TrialRecipe",
        loader="rollmill.flows.trials.trial_recipe:load_trial",
        dry="--plan",
        folder="recipes/trials",
        example="recipes/trials/arithmetic.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.experiments:TRIAL"),
)
_LOOP = Kind(
    verb="loop",
    about="Rounds of drawing from a model, training the next one on what was kept, and evaluating it.",
    job="rollmill.flows.loops.loop_job:Loop",
    command="rollmill.flows.cli.make.loop:loop",
    result="experiment",
    recipe=RecipeRules(
        key="loop_schema",
        noun="loop",
        schema="rollmill.flows.loops.loop_recipe:LoopRecipe",
        loader="rollmill.flows.loops.loaded_loop:load_loop",
        dry="--dry-run",
        folder="recipes/loops",
        example="recipes/loops/expert_iteration.yaml",
    ),
    form=StartForm(takes="rollmill.dashboards.pages.start.experiments:LOOP"),
)
_STUDY = Kind(
    verb="study",
    about="What a paper claims about models, measured on ours, with intervals and a verdict.",
    job="rollmill.flows.studies.study_job:Study",
    command="rollmill.flows.cli.make.study:study",
    recipe=RecipeRules(
        key="study_schema",
        noun="study",
        schema="rollmill.flows.studies.study_recipe:StudyRecipe",
        loader="rollmill.flows.studies.study_recipe:load_study",
        dry="--dry-run",
        folder="recipes/papers",
        example="recipes/papers/limiting_confidence.yaml",
    ),
)
_REVERIFY = Kind(
    verb="reverify",
    about="A run judged again after a verifier has changed.",
    job="rollmill.flows.rejudging.reverify_run:Reverify",
    command="rollmill.flows.cli.judge.reverify:reverify",
    panel="Judge",
)
_AUDIT = Kind(
    verb="audit",
    about="Random rollouts of a run for people to judge, to measure how often a verifier errs.",
    job="rollmill.flows.auditing.drawing:DrawAudit",
    command="rollmill.flows.cli.judge.audit:verbs",
    panel="Judge",
)
_ALL = (
    *(_ADOPT, _PLAN, _PREVIEW, _CURATE, _EVALUATE, _MIX, _SWEEP, _TRAIN, _TRIAL, _LOOP, _STUDY),
    *(_REVERIFY, _AUDIT),
)
KINDS: Mapping[str, Kind] = {kind.verb: kind for kind in _ALL}
"""The product's kinds by their verbs."""
FIRST = _CURATE
"""The kind of a recipe that declares none."""


def kind_of_verb(verb: str) -> Kind | None:
    """The kind of a verb; None for another command. SetupError for a kind whose package cannot be loaded."""
    if verb in KINDS:
        return KINDS[verb]
    return next(iter(_of_packages(verb)), None)


def kinds() -> list[Kind]:
    """The product's kinds, then those of installed packages; one that cannot be loaded is left out: its verb says why."""
    return [*KINDS.values(), *_usable()]


def listed_kinds() -> Iterator[tuple[str, str, Kind | SetupError]]:
    """Verb and source of each kind, and the kind or why it cannot be loaded.

    A source is `rollmill`, or name and version of a package.
    """
    from rollmill.installed import PRODUCT, entry_points, package_of

    yield from ((kind.verb, PRODUCT, kind) for kind in KINDS.values())
    for verb, points in entry_points().get(GROUP, {}).items():
        brought: Kind | SetupError
        try:
            brought = next(_of_packages(verb))
        except SetupError as error:
            brought = error
        yield from ((verb, package_of(point), brought) for point in points)


def kind_of_recipe(data: Mapping[str, Any]) -> Kind | None:
    """The kind that a recipe's keys declare; None for a recipe that declares none."""
    for known in (KINDS.values(), _usable()):
        for kind in known:
            if kind.recipe is not None and kind.recipe.key in data:
                return kind
    return None


def experiment_verbs() -> list[str]:
    """The verbs whose jobs are experiments: each has its verb, its name and a state of its own."""
    return [kind.verb for kind in kinds() if kind.result == "experiment"]


def recipe_files_of(kind: Kind) -> RecipeRules:
    """The recipe files of a kind that has them; SetupError for a kind of a request."""
    if kind.recipe is None:
        raise SetupError(f"`rollmill {kind.verb}` takes no recipe.", next_command=f"rollmill {kind.verb} --help")
    return kind.recipe


def firing_of(verb: str) -> FiringRules:
    """The way in which a schedule fires the kind of a verb; SetupError for a kind that none can fire."""
    kind = kind_of_verb(verb)
    if kind is None or kind.firing is None:
        fired = [known.verb for known in kinds() if known.firing is not None]
        raise SetupError(f"no schedule fires `rollmill {verb}`.", choices=fired)
    return kind.firing


def _usable() -> Iterator[Kind]:
    """The kinds of installed packages that can be loaded."""
    from rollmill.installed import entry_points

    for verb in entry_points().get(GROUP, ()):
        try:
            yield from _of_packages(verb)
        except SetupError:
            continue


def _of_packages(verb: str) -> Iterator[Kind]:
    """The kind of this verb that an installed package brings, if one does."""
    from rollmill.installed import load, only_point, package_of

    point = only_point(GROUP, verb, product=verb in KINDS)
    if point is not None:
        kind: Kind = load("kind", point, Kind, "a Kind")
        if kind.verb != verb:
            raise SetupError(
                f"kind {verb!r} of the package {package_of(point)} has the verb {kind.verb!r}.",
                next_command=f"pip uninstall {package_of(point).split()[0]}, or an entry point {kind.verb!r} in it",
            )
        yield kind
