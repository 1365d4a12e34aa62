"""The recipe: everything that can change a row, as a checked value. Names of methods are resolved in `load`.

Unknown keys are refused and every field has its default here, so two recipes that mean the same have one canonical form.
Counts are plain integers, temperatures are in softmax units, shares lie in [0, 1].
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator, model_validator

from rollmill.ground.recipe_steps import IMPORTED

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
    """Method of a registry (or `path/to/file.py:Class`, `package.module:Class`) with its options."""

    method: Text
    """Name in the registry, or `path/to/file.py:Class` or `package.module:Class`."""
    options: dict[str, Any] = {}
    """Options of the method, by name."""


class Accept(Method):
    """Policy that chooses the verdict that counts."""

    planned_under: Method | None = None
    """Policy of the budget while it drew, if it was another one; its rollouts are used, and none is drawn."""


class ProblemSource(Part):
    """Source of problems: a synthesizer, an earlier import by its name, or a dataset version."""

    synthesize: str | None = None
    """Name of the synthesizer that makes the problems."""
    imported: str | None = None
    """Name under which the problems were imported."""
    version: str | None = None
    """Dataset version that has the problems, for example `NAME@v3`."""
    split: Text | None = None
    """Only problems of this split of an import or a version."""
    options: dict[str, Any] = {}
    """Options of the synthesizer."""
    count: int | None = Field(default=None, ge=1, le=MOST_PROBLEMS, strict=True)
    """Number of problems; a synthesizer needs it."""


class Problems(ProblemSource):
    """The problems of a recipe."""

    near_duplicates: Share | None = None
    """Similarity from which one of two problems is dropped; none: only equal problems are."""

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


def rows_a_batch(max_tokens: int | None) -> int:
    """Size of a batch if the recipe gives none: at most some 250,000 tokens, in memory until they are judged."""
    return min(MOST, max(FEWEST, BATCH_TOKENS // (max_tokens or BATCH_TOKENS)))


class ExampleSection(Part):
    """A worked example that is shown before problems."""

    prompt: Text
    """Text of the example's problem."""
    answer: Text
    """Text of its answer."""
    skill: Text | None = None
    """Show it before problems of this skill only."""


class ExamplesFrom(Part):
    """Worked examples out of a problem set: that of the recipe, or another (`imported` or `version`)."""

    imported: Text | None = None
    """Name of the import that has the examples; without `version` too: the recipe's own problems."""
    version: Text | None = None
    """Dataset version that has the examples."""
    split: Text | None = None
    """Only problems of this split."""
    count: int = Field(default=4, ge=1, le=1_000, strict=True)
    """Number of examples."""
    ids: tuple[Text, ...] = ()
    """Problems of the examples, by external or problem id, in the order in which they are shown."""
    per_skill: bool = False
    """Take `count` examples of each skill."""
    choose: Literal["first", "random", "nearest"] = "first"
    """The same `first` ones for all problems, some at `random` for each, or the `nearest` to it by BM25."""
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    """Seed of random examples."""
    answer: Text = "{reference}"
    """Text of an answer, with `{reference}`, `{solution}` (of an import) or `{rollout}` (one that a version kept)."""

    @model_validator(mode="after")
    def _one_source(self) -> "ExamplesFrom":
        if self.imported is not None and self.version is not None:
            raise ValueError("give one of imported, version, or none for the recipe's own problem set")
        if self.ids and {"count", "per_skill", "choose"} & self.model_fields_set:
            raise ValueError("ids name the examples one by one: count and per_skill go without them, and so does choose")
        return self


class Generate(Part):
    """Settings for drawing completions."""

    engine: Text = "embedded"
    """Engine that draws the completions; `imported` draws none and uses imported rollouts."""
    model: Text = "models/rollmill-tiny"
    """Model that the engine draws from."""
    temperature: float | None = Field(default=1.0, ge=0.0, allow_inf_nan=False, strict=True)
    """Sampling temperature; 0 is greedy, null is not sent to a server."""
    top_p: float | None = Field(default=1.0, gt=0.0, le=1.0, strict=True)
    """Probability mass of the tokens to sample from; null is not sent."""
    top_k: int = Field(default=0, ge=0, lt=2**31, strict=True)
    """Number of tokens to sample from; 0: all."""
    warp: tuple[Method, ...] = ()
    """Changes of each token's distribution, in their order, after the temperature and before top_k and top_p."""
    decode: Method | None = None
    """Method that makes a text of the distributions; none: token by token."""
    max_tokens: int | None = Field(default=256, ge=1, lt=2**31, strict=True)
    """Most tokens of a completion; null is not sent."""
    stop: tuple[Text, ...] = ()
    """Texts that end a completion."""
    batch_size: int = Field(
        default_factory=lambda given: rows_a_batch(given.get("max_tokens", 256)), ge=1, lt=2**31, strict=True
    )
    """Completions of a batch; by default from 256 to 1,024, fewer for long completions."""
    imports: tuple[Text, ...] = ()
    """Names of the rollout imports to use; none: those of the recipe's problems."""
    redraw: int = Field(default=0, ge=0, lt=2**31, strict=True)
    """0 uses stored completions; N draws new completions in the stream `curate-N`."""
    prompt_template: str = "{prompt}"
    """Text of the prompt, with `{prompt}` where the problem's text goes."""
    prompt_form: Literal["chat", "completion"] = "chat"
    """Show examples as turns of a `chat`, or as one text to complete."""
    system_prompt: Text | None = None
    """System message before the prompt."""
    examples: tuple[ExampleSection, ...] = ()
    """Worked examples shown before each problem."""
    examples_from: ExamplesFrom | None = None
    """Problems to take worked examples from."""
    options: dict[str, Any] = {}
    """Options of the engine."""

    @model_validator(mode="after")
    def _asks_in_one_way(self) -> "Generate":
        if self.system_prompt is not None and self.options.get("system") is not None:
            raise ValueError("system_prompt and options.system are two system prompts; give one")
        if self.examples and self.examples_from is not None:
            raise ValueError("give one of examples, examples_from")
        if "{prompt}" not in self.prompt_template:
            raise ValueError("a prompt_template needs {prompt} where the problem's text goes")
        return self

    @model_validator(mode="after")
    def _engine_draws_or_is_imported(self) -> "Generate":
        if self.imports and self.engine != IMPORTED:
            raise ValueError("imports belong to engine imported; the other engines draw")
        if self.redraw and self.engine == IMPORTED:
            raise ValueError("engine imported draws nothing, so there is nothing to redraw")
        if self.warp and self.temperature == 0.0:
            raise ValueError("temperature 0 takes the likeliest token: it goes without a warp")
        asks = self.prompt_template != "{prompt}" or self.examples or self.examples_from or self.system_prompt or self.warp
        if self.engine == IMPORTED and (asks or self.decode):
            raise ValueError("engine imported draws nothing: it takes no prompt_template, system_prompt, warp ...")
        return self


class TemplateTurn(Part):
    """Turn of a template that is a conversation."""

    role: Literal["system", "user", "assistant"]
    """Role of the speaker."""
    content: Text
    """Text of the turn."""


def _words(value: Any) -> Any:
    """A word or a list of words; YAML's true, false and numbers as they would be written in a text."""
    words = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(word).lower() if isinstance(word, bool) else str(word) for word in words)


class StepSection(Generate):
    """Settings of a step: `generate` with the keys given here changed. `template` is its `prompt_template`, and was `form`.

    The other keys are those of `rollmill.steps.graph.StepRule`; `count` of a root says how often it is drawn
    where the recipe has no budget, once if it says nothing.
    """

    name: StepName
    """Name of the step, by which later templates call it."""
    template: Text | tuple[TemplateTurn, ...] | None = None
    """Prompt of the step, a text or a list of turns; `{NAME}` is replaced by the completion of an earlier step."""
    when: dict[str, Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]] = {}
    """Values of earlier fields or outcomes for which the step is drawn."""
    count: int | None = Field(default=None, ge=1, le=100_000, strict=True)
    """Completions of each followed one; of a first step, of each problem. None: 1, or as many as a budget says."""
    most: int | None = Field(default=None, ge=1, strict=True)
    """Most completions of a problem to follow; none: all."""
    gather: int = Field(default=0, ge=0, le=1_000, strict=True)
    """Completions that one question is about; 0: one each."""
    turn: Literal["new", "continue"] = "new"
    """Ask in a `new` conversation, or `continue` the followed one."""
    role: Literal["answer", "step", "vote"] = "answer"
    """Use of the completions: an `answer` is judged and may be kept, a `step` is not, a `vote` is about what it follows."""
    read: dict[str, Text] = {}
    """Regular expressions that read fields from the completion, by field name."""
    want: Literal["correct", "incorrect", "unparsed", "undecided"] = "correct"
    """Outcome that is the success of this step."""
    repeat: int = Field(default=0, ge=0, le=100, strict=True)
    """Times that the step may follow its own results; the last one is then its answer."""
    swap: bool = True
    """Exchange the two texts of `{pair}` in every second completion."""
    sees_label: bool = False
    """Count the completions as having seen a label, so that training exports leave them out."""

    @model_validator(mode="before")
    @classmethod
    def _one_word_for_template(cls, keys: Any) -> Any:
        if not isinstance(keys, dict):  # pydantic refuses it with its own message
            return keys
        given = [key for key in ("template", "prompt_template", "form") if key in keys]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are one key: give template")
        return {("template" if key in given else key): value for key, value in keys.items()}


class ContaminationFloor(Part):
    """Recall that the check for evaluation problems must reach, measured on planted copies."""

    min_recall: Share
    """Smallest lower limit of the 95% interval of recall on planted copies."""
    edits: tuple[Text, ...] | None = None
    """Edits of the planted copies; none: all."""
    max_false_flags: Share = 1.0
    """Largest share of clean problems that may be flagged."""
    copies: int = Field(default=200, ge=1, le=100_000, strict=True)
    """Planted copies of each edit."""


DriftKind = Literal["level", "length", "source", "duplicates", "pass_rate"]


class GateSection(Part):
    """Conditions that a dataset must satisfy before it is published."""

    max_undecided: Share = 0.01
    """Largest share of undecided rollouts."""
    min_kept: int = Field(default=1, ge=0, strict=True)
    """Smallest number of kept rollouts."""
    max_one_text: Share = 1.0
    """Largest share of the prompts drawn several times whose draws are one text, of 8 or more such prompts."""
    level_shares: dict[int, tuple[Share, Share]] = {}
    """Smallest and largest share of a level among the kept rollouts."""
    contamination: ContaminationFloor | None = None
    """Bounds on what the check for evaluation problems may miss."""
    max_drift: dict[DriftKind, Share] = {}
    """Largest distance from the version before, by kind; one number is for all kinds."""
    least: Share = 0.0
    """Least pass rate of a problem with kept rollouts, over completions fixed before any verdict."""
    most: Share = 1.0
    """Greatest pass rate of such a problem."""
    least_judged: int = Field(default=0, ge=0, strict=True)
    """Fewest judged completions behind that rate."""
    suite: Text | tuple[dict[str, Any], ...] | None = None
    """File with expectations of Great Expectations beside those of these keys, or the expectations themselves."""

    @field_validator("max_drift", mode="before")
    @classmethod
    def _one_for_all(cls, limit: Any) -> Any:
        return dict.fromkeys(get_args(DriftKind), float(limit)) if type(limit) in (int, float) else limit

    @model_validator(mode="after")
    def _least_before_most(self) -> "GateSection":
        shares = {f"level_shares of level {level}:": ends for level, ends in self.level_shares.items()}
        for what, (least, most) in {**shares, "pass rates of": (self.least, self.most)}.items():
            if least > most:
                raise ValueError(f"{what} at least {least} and at most {most} cannot both hold")
        return self


class Evaluation(Part):
    """Held-out problems, to prove that none of them is inside the dataset: made again, imported, or read from a file."""

    synthesize: str | None = None
    """Synthesizer that makes the held-out problems again from their seed."""
    imported: str | None = None
    """Name under which they were imported."""
    file: str | None = None
    """File that has them."""
    map: dict[str, str] = {}
    """Columns of the file, by field."""
    sha256: str | None = None
    """Digest that the file must have."""
    options: dict[str, Any] = {"split": "evaluation"}
    """Options of the synthesizer."""
    count: int = Field(default=400, ge=1, le=MOST_PROBLEMS, strict=True)
    """Number of problems to make."""
    seed: int = Field(default=1, ge=0, lt=2**63, strict=True)
    """Seed of the problems."""

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
    """A whole recipe. `steps` were `arms` in earlier recipes."""

    recipe_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the recipe and of its runs."""
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    """Seed of everything drawn at random."""
    problems: Problems
    """Source of the problems."""
    generate: Generate = Generate()
    """Sampling of the completions."""
    steps: tuple[StepSection, ...] = ()
    """Several samplings or prompts, and steps that follow others; empty: `generate` is the one step."""
    verify: tuple[Method, ...] = Field(default=(Method(method="number"),), min_length=1)
    """Verifiers, in their order."""
    accept: Accept | None = None
    """Policy that combines their verdicts; none: the first that decides."""
    score: tuple[Method, ...] = ()
    """Scorers of the completions."""
    budget: Method = Method(method="fixed")
    """Number of completions of each problem."""
    select: Method = Method(method="all_correct")
    """Rule that keeps rollouts."""
    gate: GateSection = GateSection()
    """Conditions for publication."""
    evaluation: tuple[Evaluation, ...] = ()
    """Held-out problems that must not be in the dataset."""
    dataset: Slug = ""
    """Name of the dataset; by default the recipe's."""

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
