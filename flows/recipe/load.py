"""A recipe file to a checked recipe with its methods resolved, its canonical form and its hash.

The hash covers the canonical JSON with every default filled in, those of the methods' constructors too, and the content of
the user's own files: Python files of methods, and files of held-out problems.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rollmill.flows.recipe.methods import ORIGIN, MethodSpec, parameters, resolve
from rollmill.flows.recipe.parse import naming, parse
from rollmill.flows.recipe.schema import Accept, Evaluation, GateSection, Generate, Method, Recipe
from rollmill.flows.recipe.step_rules import (
    LoadedStep,
    budget_of,
    check_roots,
    check_steps,
    check_weights,
    decoder_of,
    is_model_free,
    load_steps,
    rules_of,
)
from rollmill.flows.recipe.votes import check_scorer, check_verdicts, scores_votes
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.ground.recipe_steps import IMPORTED
from rollmill.ground.records import Stream
from rollmill.pipelines.select.of_steps import behind_steps
from rollmill.pipelines.verify.acceptance import PLAIN
from rollmill.roles.protocols import ScoreSelector
from rollmill.roles.registries import registry
from rollmill.steps.graph import StepGraph

GATE_NUMBERS = ("max_one_text", "least", "most", "least_judged")
"""Bounds of the gate that a recipe at their defaults does not record."""


@dataclass(frozen=True, slots=True)
class LoadedEvaluation:
    """Held-out problems of a synthesizer (`method`), of a file (`path`, `sha256`), or imported."""

    part: Evaluation
    method: MethodSpec | None = None
    path: Path | None = None
    sha256: str | None = None

    def canonical(self) -> dict[str, Any]:
        """Plain JSON with every default; made problems keep the form that they had before there were other sources."""
        data = self.part.model_dump(mode="json")
        if self.part.imported is not None:
            return {"imported": self.part.imported}
        if self.part.file is not None:
            return {"file": self.part.file, "map": data["map"], "sha256": self.sha256}
        assert self.method is not None
        filled = {key: data[key] for key in ("synthesize", "count", "seed")}
        filled["options"] = {key: value for key, value in self.method.options.items() if key not in filled}
        return {**filled, **self.method.origin()}


@dataclass(frozen=True, slots=True)
class EvaluationCell:
    """Benchmark and model of a cell of an evaluation."""

    evaluation: str
    benchmark: str
    model: str


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A recipe whose names and options all exist. `base` is the folder that the user's files are relative to.

    `cell`: which one of an evaluation it is, None for a dataset's recipe.
    """

    recipe: Recipe
    base: Path
    synthesizer: MethodSpec | None
    engine: MethodSpec | None
    verifiers: tuple[MethodSpec, ...]
    scorers: tuple[MethodSpec, ...]
    budget: MethodSpec
    selector: MethodSpec
    evaluation: tuple[LoadedEvaluation, ...]
    accept: MethodSpec
    steps: tuple[LoadedStep, ...]
    graph: StepGraph
    planned_under: MethodSpec | None = None
    cell: EvaluationCell | None = None
    warps: tuple[MethodSpec, ...] = ()
    decoder: MethodSpec | None = None
    suite: tuple[Mapping[str, Any], ...] = ()

    @property
    def stream(self) -> Stream:
        """The stream of the completions: an evaluation's completions never mix with a dataset's."""
        return "curate" if self.cell is None else "evaluate"

    @property
    def redraw(self) -> int:
        """Number of the set of completions that is drawn, 0 for the first."""
        return self.recipe.generate.redraw

    @property
    def recipe_hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256_text(canonical_json(self.canonical()))

    def canonical(self) -> dict[str, Any]:
        """The recipe as plain JSON with every default written out."""
        # A recipe without these has the hash that it had before there were any.
        later = {"contamination", "max_drift", "suite", *GATE_NUMBERS}
        data = self.recipe.model_dump(mode="json", exclude={"accept": True, "steps": True, "gate": later})
        if (floor := self.recipe.gate.contamination) is not None:
            data["gate"]["contamination"] = floor.model_dump(mode="json")
        if limits := self.recipe.gate.max_drift:
            data["gate"]["max_drift"] = dict(limits)
        if self.suite:
            data["gate"]["suite"] = [dict(entry) for entry in self.suite]
        plain, gate = GateSection(), self.recipe.gate
        data["gate"] |= {key: getattr(gate, key) for key in GATE_NUMBERS if getattr(gate, key) != getattr(plain, key)}
        data["problems"] = _with(_without_later(data["problems"]), self.synthesizer)
        data["generate"] = _generate(data["generate"], self.engine, self.warps, self.decoder)
        if steps := self.canonical_steps():
            data["steps"] = steps
        data["verify"] = [method.canonical() for method in self.verifiers]
        data |= self._accept()
        data["score"] = [method.canonical() for method in self.scorers]
        data["budget"], data["select"] = self.budget.canonical(), self.selector.canonical()
        data["evaluation"] = [part.canonical() for part in self.evaluation]
        return data if self.cell is None else {**data, "cell": asdict(self.cell)}

    def shown(self) -> dict[str, Any]:
        """The canonical form with the plain policy and newer keys at their defaults written out too; as a recipe it has the
        same hash.
        """
        verify = [method.canonical(every=True) for method in self.verifiers]
        shown = as_recipe({"accept": self.accept.canonical(), **self.canonical(), "verify": verify})
        for section in ("problems", "generate", "gate"):
            every = getattr(self.recipe, section).model_dump(mode="json")
            shown[section] |= {key: value for key, value in every.items() if key not in shown[section]}
        return shown

    def engines(self) -> list[MethodSpec]:
        """The engines that may draw; none if everything is imported."""
        return [step.engine for step in self.steps if step.engine is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its steps; none if it lists none."""
        return tuple(step.name for step in self.steps if step.name)

    @property
    def takes_imports(self) -> bool:
        """True if the rollouts of the problems were imported; follow-up steps may still draw."""
        return self.steps[0].engine is None

    def canonical_steps(self) -> list[dict[str, Any]]:
        """Each step that it lists with every key of `generate` written out, those of a search too."""
        return [
            step.canonical(_generate(step.generate.model_dump(mode="json"), step.engine, step.warps, step.decoder))
            for step in self.steps
            if step.name
        ]

    def _accept(self) -> dict[str, Any]:
        """The policy's part; nothing for the plain chain, which is what every recipe before policies meant."""
        accept = self.accept.canonical()
        if self.planned_under is not None:
            return {"accept": {**accept, "planned_under": self.planned_under.canonical()}}
        return {} if self.accept.name == PLAIN.name else {"accept": accept}


def as_recipe(canonical: Mapping[str, Any]) -> dict[str, Any]:
    """Recipe of a canonical form, without the files and packages of methods, which are not keys of a recipe."""
    data = _without_origins({key: canonical[key] for key in Recipe.model_fields if key in canonical})
    return dict(data)


def _without_origins(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_origins(part) for key, part in value.items() if key not in ORIGIN}
    return [_without_origins(part) for part in value] if isinstance(value, (list, tuple)) else value


def load_recipe(path: Path, *, sets: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    recipe = parse(path, Recipe, {}, sets=sets)
    with naming(path, "recipes"):
        return resolve_recipe(recipe, base=path.parent)


def resolve_recipe(recipe: Recipe, *, base: Path) -> LoadedRecipe:
    """The methods that a recipe names, each with its options checked and, if building is cheap, its values too."""
    problems, generate, graph = recipe.problems, recipe.generate, rules_of(recipe, base)
    if is_model_free(generate.engine, base):
        raise SetupError(f"engine {generate.engine!r} has no model: it belongs to a step that follows another.")
    budget = budget_of(recipe, graph)
    synthesizer = None
    if problems.synthesize is not None:
        synthesizer = resolve("synthesizer", problems.synthesize, problems.options, base=base)
    loaded = LoadedRecipe(
        recipe=recipe,
        base=base,
        synthesizer=synthesizer,
        engine=_engine(generate, base),
        verifiers=_all("verifier", recipe.verify, base),
        scorers=_all("scorer", recipe.score, base),
        budget=resolve("budget", budget.method, budget.options, base=base),
        selector=resolve("selector", recipe.select.method, recipe.select.options, base=base),
        evaluation=tuple(loaded_evaluation(part, base) for part in recipe.evaluation),
        accept=_policy(recipe.accept, base),
        planned_under=_planned_under(recipe.accept, base),
        steps=load_steps(recipe, graph, _engine, base),
        graph=graph,
        warps=_all("warp", generate.warp, base),
        decoder=decoder_of(generate, base),
        suite=_suite(recipe.gate.suite, base),
    )
    # Engines and verifiers load models and start processes; whether their values are right is seen when they are built.
    held_out = (part.method for part in loaded.evaluation)
    makers = (method for method in (loaded.synthesizer, *held_out, *loaded.scorers) if method is not None)
    plain = (method for method in makers if not method.asks_model)  # the others open a model
    cheap = (*plain, loaded.budget, loaded.selector)
    for method in (*cheap, loaded.accept, loaded.planned_under):
        if method is not None:
            method.build()
    _check_floor(recipe)
    _check_scores(loaded)
    for step in loaded.selector.of_steps:
        if step not in graph.answers:
            raise unknown_name("step of the selector's option `of`", step, sorted(graph.answers - {""}))
    for method in loaded.scorers:
        if scores_votes(method):
            check_scorer(graph, method)
    check_roots(graph, loaded.budget)
    check_weights(loaded.steps, loaded.budget)
    check_verdicts(graph, loaded.verifiers, loaded.budget)
    check_steps(graph, loaded.canonical_steps(), loaded.budget.build())
    return loaded


def _check_scores(loaded: LoadedRecipe) -> None:
    """SetupError if a selector reads scores that the recipe does not make."""
    selector = behind_steps(loaded.selector.build())
    if not isinstance(selector, ScoreSelector):
        return
    # One that asks a model is not built here, as that opens the model.
    names = [method.name if method.asks_model else method.build().name for method in loaded.scorers]
    for score in selector.scores:
        if score not in names:
            raise SetupError(
                f"selector {loaded.selector.name!r} reads score {score!r}, which the recipe does not make.",
                choices=names,
                next_command=f"score: [{{method: {score}}}]",
            )


def _suite(part: str | Sequence[Mapping[str, Any]] | None, base: Path) -> tuple[Mapping[str, Any], ...]:
    """The expectations that a gate names, with names and parameters that exist; SetupError otherwise."""
    if not part:
        return ()
    from rollmill.pipelines.gate.suite_file import checked, read_suite

    return tuple(read_suite(base / part) if isinstance(part, str) else checked([*part], "gate.suite"))


def _check_floor(recipe: Recipe) -> None:
    """SetupError for a floor of recall without evaluation problems to plant, or with unknown edits."""
    floor = recipe.gate.contamination
    if floor is None:
        return
    if not recipe.evaluation:  # nothing could be planted
        raise SetupError("gate.contamination measures a check for evaluation problems, and the recipe names none.")
    from rollmill.pipelines.contamination.edits import EDITS

    for name in floor.edits or ():
        if name not in EDITS:
            raise unknown_name("edit", name, EDITS)


def _engine(generate: Generate, base: Path) -> MethodSpec | None:
    """The engine, its model among the options that its constructor gets."""
    name = generate.engine
    if name == IMPORTED:
        return None
    if ":" not in name and name not in registry("engine"):
        raise unknown_name("engine", name, [*registry("engine"), IMPORTED])
    if "model" in generate.options:
        raise SetupError("generate.options.model: the model is named by generate.model.")
    engine = resolve("engine", name, generate.options, base=base)
    if "model" not in parameters(engine.cls):  # a user's own engine may have none
        return engine
    return replace(engine, options={**engine.options, "model": generate.model})


def loaded_evaluation(part: Evaluation, base: Path, method: MethodSpec | None = None) -> LoadedEvaluation:
    """The part with its method or file found; SetupError if there is none, or if the file is not the one named.

    `method`: its synthesizer, where the caller resolved it.
    """
    if part.synthesize is not None:
        method_spec = method or resolve("synthesizer", part.synthesize, part.options, base=base)
        return LoadedEvaluation(part, method=method_spec)
    if part.file is None:
        return LoadedEvaluation(part)
    path = base / part.file
    if not path.is_file():
        raise SetupError(f"evaluation: no file {part.file} (searched in the recipe's folder, {base.resolve()}).")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if part.sha256 not in (None, digest):  # the file's own digest is in the hash either way
        raise SetupError(f"evaluation: {part.file} is not the file with the SHA-256 {part.sha256}; its own is {digest}.")
    return LoadedEvaluation(part, path=path, sha256=digest)


def _policy(part: Method | None, base: Path) -> MethodSpec:
    policy = resolve("policy", *((part.method, part.options) if part else (PLAIN.name, {})), base=base)
    policy.build()  # which checks what it states
    return policy


def _planned_under(accept: Accept | None, base: Path) -> MethodSpec | None:
    """The budget's own policy, None if it is the accepting one."""
    if accept is None or accept.planned_under is None:
        return None
    planned = _policy(accept.planned_under, base)
    return None if planned.canonical() == _policy(accept, base).canonical() else planned


def _generate(
    section: dict[str, Any], engine: MethodSpec | None, warps: Sequence[MethodSpec], decoder: MethodSpec | None
) -> dict[str, Any]:
    """Canonical form of a section with the keys of `generate`."""
    decode = None if decoder is None else decoder.canonical()
    return _with(_without_plain({**section, "warp": [warp.canonical() for warp in warps], "decode": decode}), engine)


def _without_plain(generate: dict[str, Any]) -> dict[str, Any]:
    """The section without newer keys at their defaults, so that an older recipe keeps its hash."""
    plain = {"redraw": 0, "prompt_template": "{prompt}", "examples": []}
    plain |= {"prompt_form": "chat", "system_prompt": None, "examples_from": None, "warp": [], "decode": None}
    section = {key: value for key, value in generate.items() if key not in plain or value != plain[key]}
    if "examples_from" in section:
        later = {"choose": "first", "seed": 0}
        part = section["examples_from"].items()
        section["examples_from"] = {key: value for key, value in part if value != later.get(key, ...)}
    if "examples" in section:
        section["examples"] = [
            {key: value for key, value in example.items() if value is not None} for example in section["examples"]
        ]
    return section


def _without_later(problems: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in problems.items() if key not in ("version", "split") or value is not None}


def _all(role: str, methods: Sequence[Method], base: Path) -> tuple[MethodSpec, ...]:
    return tuple(resolve(role, item.method, item.options, base=base) for item in methods)


def _with(data: dict[str, Any], method: MethodSpec | None) -> dict[str, Any]:
    """A section that holds its method's name and options inline, with the options filled in."""
    if method is None:
        return data
    filled = {**data, "options": {key: value for key, value in method.options.items() if key not in data}}
    return {**filled, **method.origin()}
