"""The recipe: everything that can change a row, as a checked value. Names of methods are resolved in `load`.

Unknown keys are refused and every field has its default here, so two recipes that mean the same have one canonical form.
Counts are plain integers, temperatures are in softmax units, shares lie in [0, 1].
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
MOST_PROBLEMS = 1_000_000  # of one recipe; they are held in memory, about 2 KB each
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
Text = Annotated[str, StringConstraints(min_length=1)]


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("input should be 1")
    return value


SchemaOne = Annotated[Literal[1], BeforeValidator(_no_boolean)]
"""Version 1 of a file; `true` is equal to it in Python only."""


class Part(BaseModel):
    """A section of a recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Method(Part):
    """One method of a registry (or `path/to/file.py:Class`, `package.module:Class`) with its options."""

    method: Text
    options: dict[str, Any] = {}


class Accept(Method):
    """Which of the verifiers' verdicts counts. `planned_under`: the policy by which the budget counted while it drew, where
    that was another one; rollouts drawn under it are then selected from, and none is drawn or judged again.
    """

    planned_under: Method | None = None


class ProblemSource(Part):
    """Where problems come from: made by a synthesizer, imported before under a name, or of a dataset version (`NAME@v3`).

    `split`: those of an import or a version that are of this split alone.
    """

    synthesize: str | None = None
    imported: str | None = None
    version: str | None = None
    split: Text | None = None
    options: dict[str, Any] = {}
    count: int | None = Field(default=None, ge=1, le=MOST_PROBLEMS, strict=True)


class Problems(ProblemSource):
    """The problems of a recipe. `near_duplicates`: from which similarity on one of two is dropped."""

    near_duplicates: Share | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Problems":
        if sum(source is not None for source in (self.synthesize, self.imported, self.version)) != 1:
            raise ValueError("give exactly one of synthesize, imported, version")
        if self.synthesize is not None and self.count is None:
            raise ValueError("synthesize needs a count")
        if self.synthesize is None and self.options:
            raise ValueError("options belong to a synthesizer; imported problems take none")
        if self.synthesize is not None and self.split is not None:
            raise ValueError("split belongs to imported and version; a synthesizer has it among its options")
        return self


BATCH_TOKENS = 262_144  # of the longest answers: some quarter of a million tokens a batch
FEWEST, MOST = 256, 1024  # completions of a batch


def rows_a_batch(max_tokens: int) -> int:
    """The size of a batch where the recipe gives none: a quarter of a million tokens at most, 256 to 1,024 completions.

    A batch costs two commits whatever its size, and its texts are in memory until it is judged.
    """
    return min(MOST, max(FEWEST, BATCH_TOKENS // max(1, max_tokens)))


class Example(Part):
    """A worked example that is shown before each problem, or with `skill` before the problems of that skill."""

    prompt: Text
    answer: Text
    skill: Text | None = None


class ExamplesFrom(Part):
    """Worked examples out of a problem set: that of the recipe, or another (`imported` or `version`), of one split.

    `ids`: the problems with these external ids, in this order; else `count` of them, with `per_skill` so many of each
    skill. `answer`: how one is answered, with `{reference}` and `{solution}` (the worked solution that an import kept).
    """

    imported: Text | None = None
    version: Text | None = None
    split: Text | None = None
    count: int = Field(default=4, ge=1, le=1_000, strict=True)
    ids: tuple[Text, ...] = ()
    per_skill: bool = False
    answer: Text = "{reference}"

    @model_validator(mode="after")
    def _one_source(self) -> "ExamplesFrom":
        if self.imported is not None and self.version is not None:
            raise ValueError("give one of imported, version, or none for the recipe's own problem set")
        if self.ids and {"count", "per_skill"} & self.model_fields_set:
            raise ValueError("ids name the examples one by one: count and per_skill go without them")
        return self


class Generate(Part):
    """How completions are drawn; engine `imported` draws nothing and uses the rollouts imported before.

    `imports`: the names of the rollout imports to use; none named: those that were imported for the recipe's problem set.
    `redraw`: 0 uses stored completions, N draws anew in the stream `curate-N`; what is stored stays.
    `prompt_template`: text with `{prompt}` where the problem's goes. `examples` (or `examples_from`, a problem set): shown
    first, as turns of user and model; `prompt_form: completion` makes one text of them. `system_prompt` stands before all.
    """

    engine: Text = "embedded"
    model: Text = "models/rollmill-tiny"
    temperature: float = Field(default=1.0, ge=0.0, allow_inf_nan=False, strict=True)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0, strict=True)
    top_k: int = Field(default=0, ge=0, lt=2**31, strict=True)
    max_tokens: int = Field(default=256, ge=1, lt=2**31, strict=True)
    stop: tuple[Text, ...] = ()
    batch_size: int = Field(
        default_factory=lambda given: rows_a_batch(given.get("max_tokens", 256)), ge=1, lt=2**31, strict=True
    )
    imports: tuple[Text, ...] = ()
    redraw: int = Field(default=0, ge=0, lt=2**31, strict=True)
    prompt_template: str = "{prompt}"
    prompt_form: Literal["chat", "completion"] = "chat"
    system_prompt: Text | None = None
    examples: tuple[Example, ...] = ()
    examples_from: ExamplesFrom | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_system_prompt(self) -> "Generate":
        if self.system_prompt is not None and self.options.get("system") is not None:
            raise ValueError("system_prompt and options.system are two system prompts; give one")
        return self

    @model_validator(mode="after")
    def _examples_are_written_or_taken(self) -> "Generate":
        if self.examples and self.examples_from is not None:
            raise ValueError("give one of examples, examples_from")
        return self

    @model_validator(mode="after")
    def _template_has_a_place(self) -> "Generate":
        if "{prompt}" not in self.prompt_template:
            raise ValueError("a prompt_template needs {prompt} where the problem's text goes")
        return self

    @model_validator(mode="after")
    def _engine_draws_or_is_imported(self) -> "Generate":
        if self.imports and self.engine != "imported":
            raise ValueError("imports belong to engine imported; the other engines draw")
        if self.redraw and self.engine == "imported":
            raise ValueError("engine imported draws nothing, so there is nothing to redraw")
        asks = self.prompt_template != "{prompt}" or self.examples or self.examples_from or self.system_prompt
        if self.engine == "imported" and asks:
            raise ValueError("engine imported draws nothing: it takes no prompt_template, no examples and no system_prompt")
        return self


class TemplateTurn(Part):
    """One turn of a template that is a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


def _words(value: Any) -> Any:
    """A word or a list of words; YAML's true, false and numbers as they would be written in a text."""
    words = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(word).lower() if isinstance(word, bool) else str(word) for word in words)


class Step(Generate):
    """One step: `generate` with the keys given here changed. `template` is its `prompt_template`, and was `form`.

    The other keys are those of `pipelines.steps.graph.StepRule`; `count` of a root says how often it is drawn where the
    recipe has no budget.
    """

    name: StepName
    template: Text | tuple[TemplateTurn, ...] | None = None
    when: dict[str, Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]] = {}
    count: int | None = Field(default=None, ge=1, le=100_000, strict=True)
    most: int | None = Field(default=None, ge=1, strict=True)
    gather: int = Field(default=0, ge=0, le=1_000, strict=True)
    turn: Literal["new", "continue"] = "new"
    role: Literal["answer", "step", "vote"] = "answer"
    read: dict[str, Text] = {}
    want: Literal["correct", "incorrect", "unparsed", "undecided"] = "correct"
    repeat: int = Field(default=0, ge=0, le=100, strict=True)
    swap: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_word_for_template(cls, keys: Any) -> Any:
        if not isinstance(keys, dict):
            return keys
        given = [key for key in ("template", "prompt_template", "form") if key in keys]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are one key: give template")
        return {("template" if key in given else key): value for key, value in keys.items()}


class ContaminationFloor(Part):
    """What the check for evaluation problems must be able to find: recall of planted copies of these edits, false flags.

    `min_recall`: least lower limit of the 95% interval; `copies`: how many of each edit are planted.
    """

    min_recall: Share
    edits: tuple[Text, ...] | None = None
    max_false_flags: Share = 1.0
    copies: int = Field(default=200, ge=1, le=100_000, strict=True)


DriftKind = Literal["level", "length", "source", "duplicates", "pass_rate"]


class Gate(Part):
    """What a dataset must satisfy before it is published. `max_drift`: the largest distance from the version before, by
    kind; one number is for all kinds.
    """

    max_undecided: Share = 0.01
    min_kept: int = Field(default=1, ge=0, strict=True)
    level_shares: dict[int, tuple[Share, Share]] = {}
    contamination: ContaminationFloor | None = None
    max_drift: dict[DriftKind, Share] = {}

    @field_validator("max_drift", mode="before")
    @classmethod
    def _one_for_all(cls, limit: Any) -> Any:
        number = isinstance(limit, int | float) and not isinstance(limit, bool)
        return dict.fromkeys(get_args(DriftKind), float(limit)) if number else limit

    @model_validator(mode="after")
    def _least_before_most(self) -> "Gate":
        for level, (least, most) in self.level_shares.items():
            if least > most:
                raise ValueError(f"level_shares of level {level}: at least {least} and at most {most} cannot both hold")
        return self


class Evaluation(Part):
    """Held-out problems, to prove that none of them is inside the dataset: regenerated from their seed, imported before
    under a name, or read from a file (`map` names its columns, `sha256` what it must be).
    """

    synthesize: str | None = None
    imported: str | None = None
    file: str | None = None
    map: dict[str, str] = {}
    sha256: str | None = None
    options: dict[str, Any] = {"split": "evaluation"}
    count: int = Field(default=400, ge=1, le=MOST_PROBLEMS, strict=True)
    seed: int = Field(default=1, ge=0, lt=2**63, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _templates_unless_another(cls, data: Any) -> Any:
        named = isinstance(data, dict) and {"synthesize", "imported", "file"} & data.keys()
        return data if named or not isinstance(data, dict) else {"synthesize": "templates", **data}

    @model_validator(mode="after")
    def _one_source(self) -> "Evaluation":
        if sum(source is not None for source in (self.synthesize, self.imported, self.file)) != 1:
            raise ValueError("give exactly one of synthesize, imported, file")
        if self.synthesize is None and {"options", "count", "seed"} & self.model_fields_set:
            raise ValueError("options, count and seed belong to a synthesizer")
        if self.file is None and {"map", "sha256"} & self.model_fields_set:
            raise ValueError("map and sha256 belong to a file")
        return self


class Recipe(Part):
    """A whole recipe. `dataset` defaults to the recipe's name. `steps` were `arms` in recipes of before."""

    recipe_schema: SchemaOne
    name: Slug
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    problems: Problems
    generate: Generate = Generate()
    steps: tuple[Step, ...] = ()
    verify: tuple[Method, ...] = Field(default=(Method(method="number"),), min_length=1)
    accept: Accept | None = None
    score: tuple[Method, ...] = ()
    budget: Method = Method(method="fixed")
    select: Method = Method(method="all_correct")
    gate: Gate = Gate()
    evaluation: tuple[Evaluation, ...] = ()
    dataset: Slug = ""

    @model_validator(mode="before")
    @classmethod
    def _once_called_arms(cls, data: Any) -> Any:
        if isinstance(data, dict) and "arms" in data and "steps" not in data:
            return {("steps" if key == "arms" else key): value for key, value in data.items()}
        return data

    @model_validator(mode="before")
    @classmethod
    def _dataset_named_like_recipe(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("dataset") and isinstance(data.get("name"), str):
            return {**data, "dataset": data["name"]}
        return data
