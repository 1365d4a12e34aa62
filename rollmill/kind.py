"""The record of a kind of jobs: what a verb of the command line does with a recipe or a request.

It holds texts only: a place (`package.module:Name`) is imported on first use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Result = Literal["run", "training", "experiment", "version", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeRules:
    """The recipe files of a kind.

    `key`: the key that declares one; `noun`: what one is called; `schema`, `loader`: places of the model of its keys and of
    the function that loads one; `look`: place of the function that looks for what a loaded one names; `dry`: the option of
    the verb that only checks one, empty for `recipe check`; `folder`: where the product's are; `example`: the first of
    them; `dataset`: it names the dataset that its job publishes.
    """

    key: str
    noun: str
    schema: str
    loader: str
    look: str = ""
    dry: str = ""
    folder: str = "recipes"
    example: str = ""
    dataset: bool = False

    @property
    def parameter(self) -> str:
        """The parameter of an address that names one."""
        return self.noun.replace(" ", "-")

    @property
    def a_noun(self) -> str:
        """The noun with its article."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartForm:
    """The form of a kind on the page New run.

    `takes`: place of what the page shows beside the form; by default the kind's dry run as it is. `limits`: the verb has
    limits of tokens and money. `prefect`: it has `--prefect`. `forecast`: `rollmill plan` forecasts it.
    """

    takes: str = "rollmill.dashboards.pages.start.takes:DRY_RUN"
    limits: bool = False
    prefect: bool = False
    forecast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRules:
    """Rules by which a schedule fires a kind.

    `flow`: place of its Prefect flow; `models`: place of the function that names the models of a loaded recipe; `fresh`:
    the key of a recipe that gets the number of a fresh firing, by what is fresh; `makes`, `problems`: what every fresh
    firing makes, and what makes its problems; `unchanged`: what a firing does that is not fresh.
    """

    flow: str
    models: str
    unchanged: str
    fresh: Mapping[str, str] = field(default_factory=dict)
    makes: str = "each is measured by itself"
    problems: str = "the recipe makes them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of jobs.

    `verb`: its command; `about`: one sentence; `job`: place of the class of its jobs; `command`: place of the function of
    the verb, by default one that runs a recipe; `panel`: part of the help that explains the verb, none if it is named
    alone; `result`: what a job works on, which chooses the page that shows it; `resumes`: `runs resume` continues its runs;
    `page`: place of the function that writes an outcome for people, by default the job's own line. `recipe` is None for a
    kind of a request.
    """

    verb: str
    about: str
    job: str
    command: str = ""
    panel: str = ""
    result: Result = ""
    resumes: bool = False
    page: str = ""
    recipe: RecipeRules | None = None
    form: StartForm | None = None
    firing: FiringRules | None = None

    @property
    def a_result(self) -> str:
        """Name of the result that a job works on, with its article."""
        own = self.result == "experiment" and self.recipe is not None
        return self.recipe.a_noun if own and self.recipe is not None else f"a {self.result or 'result'}"
