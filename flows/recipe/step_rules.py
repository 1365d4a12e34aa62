"""The steps of a recipe: `generate` with some keys changed, each with a template and rules for which completions it
follows.

A step that names another engine starts from that engine's own options, and has to name its model; one whose engine has no
model starts from the defaults of every key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.schema import Generate, Method, Recipe, StepSection
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import canonical_json
from rollmill.ground.recipe_steps import IMPORTED
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget import reads_verdicts
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.generate.calls import UNSENT_TOKENS, check_decoder, check_warps
from rollmill.pipelines.generate.registry import GENERATORS, MODEL_FREE
from rollmill.pipelines.generate.tools.model_free import ModelFree
from rollmill.pipelines.search.kernel import SearchSteps
from rollmill.pipelines.search.tree import AskingPolicy
from rollmill.roles.engine_roles import RunsDecoders, RunsWarps
from rollmill.roles.protocols import RoutingBudget
from rollmill.roles.registries import registry
from rollmill.steps.graph import ChecksSteps, Node, StepGraph, StepRule
from rollmill.steps.recorded import with_places
from rollmill.steps.step_template import RESERVED, Template, place_alone

_OWN = frozenset(StepSection.model_fields) - frozenset(Generate.model_fields)  # keys of a step that `generate` has not
_OF_THE_RUN = ("imports", "redraw")  # keys of `generate` that are not a step's to change
_NO_OTHER_TEXT = ("name", "max_tokens", "stop", "batch_size")  # where only these differ, equal seeds draw the same texts


@dataclass(frozen=True, slots=True)
class LoadedStep:
    """A step with its engine (None: its rollouts are imported), warps and decoder; `generate` has every key, those of the
    recipe's `generate` and the step's own.
    """

    node: Node
    generate: Generate
    engine: MethodSpec | None
    warps: tuple[MethodSpec, ...] = ()
    decoder: MethodSpec | None = None

    @property
    def name(self) -> str:
        """Name of the step; "" if the recipe lists no steps."""
        return self.node.step.name

    def sampling(self) -> Sampling:
        """Sampling parameters of the step."""
        generate, warps = self.generate, tuple(warp.recorded() for warp in self.warps)
        decode = None if self.decoder is None else self.decoder.recorded()
        given: dict[str, Any] = {name: getattr(generate, name) for name in ("temperature", "top_p", "max_tokens")}
        unsent = tuple(name for name, value in given.items() if value is None)
        sent = {"max_tokens": UNSENT_TOKENS} | {name: value for name, value in given.items() if value is not None}
        cuts: dict[str, Any] = {"top_k": generate.top_k, "stop": tuple(generate.stop), "unsent": unsent}
        return Sampling(**sent, **cuts, warp=warps, decode=decode)

    def canonical(self, generate: dict[str, Any]) -> dict[str, Any]:
        """Part of the step that belongs to the recipe's identity; `generate` is the canonical form of the section."""
        rest = {key: value for key, value in generate.items() if key not in (*_OF_THE_RUN, "prompt_template")}
        rest["options"] = {**rest["options"], **self.node.step.options}
        return {"name": self.name, "template": _template_json(self.node.step.template), **_other_rules(self.node), **rest}


def _template_json(template: Template) -> Any:
    return template if isinstance(template, str) else [{"role": role, "content": text} for role, text in template]


def _other_rules(node: Node) -> dict[str, Any]:
    """The rules that are not as in a step that follows nothing; the count of one that does not is the budget's."""
    rule, plain = node.step, StepRule(node.step.name)
    rules = {field.name: getattr(rule, field.name) for field in fields(StepRule) if field.name not in _ELSEWHERE}
    rules["when"] = {key: list(values) for key, values in rule.when.items()}
    return {key: value for key, value in rules.items() if value != getattr(plain, key) and (node.named or key != "count")}


_ELSEWHERE = ("name", "template", "options", "raw", "searched")  # keys of a rule that are written elsewhere, or follow


class SearchStep(StepSection):
    """A step that the budget `search` adds to a recipe: a search says when it is drawn."""


def steps_of(recipe: Recipe, base: Path) -> tuple[StepSection, ...]:
    """The recipe's steps, behind those of its search if it has one; `{answer}` then names its finished answers.

    A recipe that was written down by Rollmill has them already. `base`: where a user's own policies and processes are.
    """
    budget = resolve("budget", recipe.budget.method, recipe.budget.options, base=base)
    if not issubclass(budget.cls, Search):
        return recipe.steps
    if recipe.generate.engine == IMPORTED:
        raise SetupError("budget 'search' draws answers piece by piece, and engine imported draws nothing.")
    own = _of_search(budget.build(), recipe.generate)
    names = {step.name for step in own}
    written = {step.name: step for step in recipe.steps if step.name in names}
    for step in own:
        if step.name in written and any(
            getattr(written[step.name], key) != getattr(step, key) for key in step.model_fields_set - {"template"}
        ):
            raise SetupError(
                f"step {step.name!r} belongs to budget 'search', which says otherwise how it draws.",
                next_command="leave it out, or give your own step another name",
            )
    return (*own, *(step for step in recipe.steps if step.name not in written))


def _of_search(search: Search, generate: Generate) -> list[SearchStep]:
    """The steps of a search, in their order."""
    names, most = SearchSteps(), generate.max_tokens or UNSENT_TOKENS
    goes_on: dict[str, Any] = {"template": f"{{{names.first}}}", "turn": "continue"}
    marked: dict[str, Any] = {"sees_label": True} if search.reads_verdicts else {}
    piece: dict[str, Any] = {
        "stop": (search.stop, *generate.stop),
        "max_tokens": min(search.piece_tokens, most),
        "role": "step",
        **marked,
    }
    steps = [SearchStep(name=names.first, **piece), SearchStep(name=names.following, **goes_on, **piece)]
    search.check_fits(most)
    for name, text in search.texts.items():
        steps.append(SearchStep(name=name, **{**goes_on, "template": goes_on["template"] + text}, **piece))
    whole = isinstance(search.grown_by, AskingPolicy) and search.grown_by.whole
    for name, question in search.questions.items():
        ended = {"max_tokens": most, "role": "step", **marked} if whole or name == names.direction else piece
        shows: dict[str, Any] = {"gather": 2} if "{piece*}" in question else {}  # as many as the policy says
        steps.append(SearchStep(name=name, template=question, **shows, **ended))
    draws = search.process_draws
    if draws is not None:
        if draws.reads:
            steps = [step.model_copy(update={"read": dict(draws.reads)}) for step in steps]
        asks = {"template": draws.template, "turn": "new"} if draws.template else goes_on
        steps.append(SearchStep(name=names.process, **asks, **marked, role="step", max_tokens=draws.max_tokens or most))
    answer = SearchStep(name=names.answer, engine="compose", template=goes_on["template"], max_tokens=most, **marked)
    return [*steps, answer]


def rules_of(recipe: Recipe, base: Path) -> StepGraph:
    """The steps as a graph, one without a name if the recipe lists none; SetupError for steps that cannot be drawn.
    `base`: where a user's own engines are.
    """
    rules: list[StepRule] = []
    for step in steps_of(recipe, base):
        raw = step.turn == "continue" or is_model_free(_engine_of(recipe.generate, step), base)
        rules.append(_rule(recipe.generate, step, [rule.name for rule in rules], raw=raw))
    return StepGraph(rules or [StepRule("")])


def _engine_of(generate: Generate, step: StepSection) -> str:
    return step.engine if "engine" in step.model_fields_set else generate.engine


def is_model_free(engine: str, base: Path) -> bool:
    """True if the engine asks no model, and makes its texts of earlier ones."""
    if engine in GENERATORS or engine in MODEL_FREE:
        return engine in MODEL_FREE
    known = ":" in engine or engine in registry("engine")  # another name is refused where the engine is loaded
    return known and _follows(resolve("engine", engine, {}, base=base).cls)


def _follows(engine: type[object]) -> bool:
    return issubclass(engine, ModelFree) and engine.follows


def _rule(generate: Generate, step: StepSection, earlier: Sequence[str], *, raw: bool) -> StepRule:
    template: Template = step.template if isinstance(step.template, str) else generate.prompt_template
    if isinstance(step.template, tuple):
        template = tuple((turn.role, turn.content) for turn in step.template)
    for key, value in step.options.items():
        name = place_alone(value) if raw else None
        if name is not None and name not in (*RESERVED, *earlier):
            raise unknown_name(f"step in option {key!r} of step {step.name!r}", name, (*RESERVED, *earlier))
    options = with_places(step.options, earlier)
    shared = ("when", "most", "gather", "turn", "role", "read", "want", "repeat", "swap", "sees_label")
    own = {key: getattr(step, key) for key in shared}
    own["searched"] = isinstance(step, SearchStep)  # the class is not in a recipe's text: users cannot set it
    return StepRule(step.name, template, count=step.count or 1, options=options, raw=raw, **own)


def budget_of(recipe: Recipe, graph: StepGraph) -> Method:
    """The budget of the roots: the recipe's, or as many draws as its only root says, 1 if it says nothing.

    Imported rollouts are as many as there are.
    """
    counted = {step.name: step.count for step in recipe.steps if step.count is not None and step.name in graph.roots}
    if not counted:
        drawn_once = recipe.steps and "budget" not in recipe.model_fields_set and recipe.generate.engine != IMPORTED
        return Method(method="fixed", options={"initial": 1}) if drawn_once else recipe.budget
    if "budget" in recipe.model_fields_set:
        raise SetupError(
            f"step {next(iter(counted))!r} follows nothing and has a count, and the recipe has a budget: both say "
            "how often a problem is drawn.",
            next_command="leave one of them out",
        )
    return Method(method="fixed", options={"initial": next(iter(counted.values()))})


def merged_section(generate: Generate, step: StepSection, node: Node, folder: Path) -> Generate:
    """The step's keys over those of `generate`; SetupError for a key that a step cannot change."""
    changed = {key: value for key, value in step if key in step.model_fields_set and key not in _OWN}
    for key in _OF_THE_RUN:
        if changed.get(key, getattr(generate, key)) != getattr(generate, key):
            raise SetupError(f"step {step.name!r}: {key!r} belongs to generate, for the whole recipe.")
    if "options" in changed:
        changed["options"] = {key: value for key, value in changed["options"].items() if key not in node.step.options}
    try:
        words = words_of(node, changed)
        return Generate.model_validate({**_beginning(generate, step, changed, folder), **changed, **words})
    except ValidationError as error:
        raise SetupError(f"step {step.name!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None


def _beginning(generate: Generate, step: StepSection, changed: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings of a step before its own keys are applied."""
    engine = changed.get("engine", generate.engine)
    base = generate.model_dump(exclude=set() if "batch_size" in generate.model_fields_set else {"batch_size"})
    if engine == generate.engine:
        return base
    if ":" not in engine and engine not in (*registry("engine"), IMPORTED):
        raise unknown_name("engine", engine, [*registry("engine"), IMPORTED])
    if is_model_free(engine, folder):
        return {"model": engine, "batch_size": generate.batch_size, "max_tokens": 1}
    if "model" not in changed and engine != IMPORTED:
        raise SetupError(
            f"step {step.name!r} names engine {engine!r} and no model.", next_command="model: NAME in the step"
        )
    return {**base, "options": {}, "imports": ()}  # options are those of another engine


def words_of(node: Node, changed: Mapping[str, Any]) -> dict[str, Any]:
    """The template of a plain root, which `generate` has too; the others are filled elsewhere, and show examples of their
    own alone. `changed`: the step's own keys; SetupError for one that would change no word of a follow-up.
    """
    if node.plain:
        return {"prompt_template": node.step.template}
    for key in ("examples", "examples_from", "system_prompt"):
        if node.step.raw and changed.get(key):
            raise SetupError(
                f"step {node.step.name!r} continues a text, or asks no model, and {key} changes none of its words.",
                next_command=f"leave {key} out",
            )
    shown = {"examples": (), "examples_from": None}
    return {"prompt_template": "{prompt}", **shown, **{key: changed[key] for key in shown if key in changed}}


def load_steps(
    recipe: Recipe, graph: StepGraph, engine_of: Callable[[Generate, Path], MethodSpec | None], base: Path
) -> tuple[LoadedStep, ...]:
    """Every step with its engine; `engine_of`: finds the engine of a section, relative to the recipe (`base`)."""
    listed, loaded = steps_of(recipe, base), []
    if not listed:  # `generate` alone is the step
        return (loaded_step(graph.nodes[""], recipe.generate, engine_of(recipe.generate, base), base),)
    for step in listed:
        node = graph.nodes[step.name]
        alone = recipe.generate.engine == IMPORTED and graph.roots == (step.name,)
        if _engine_of(recipe.generate, step) == IMPORTED and not alone:
            raise SetupError(
                f"step {step.name!r}: engine imported draws nothing, so it is the only step that follows nothing.",
                next_command="generate: {engine: imported}, and an engine and a model for each step that follows",
            )
        own = merged_section(recipe.generate, step, node, base)
        loaded.append(loaded_step(node, own, engine_of(own, base), base))
    return tuple(loaded)


def loaded_step(node: Node, generate: Generate, engine: MethodSpec | None, base: Path) -> LoadedStep:
    """The step with its warps and decoder; SetupError if its engine does not run one of them."""
    warps = tuple(resolve("warp", warp.method, warp.options, base=base) for warp in generate.warp)
    decoder = decoder_of(generate, base)
    if engine is not None:
        runs = engine.cls.warps if isinstance(engine.cls, RunsWarps) else ()
        check_warps(engine.name, runs, [warp.name for warp in warps])
        if decoder is not None:
            check_decoder(engine.name, engine.cls.decoders if isinstance(engine.cls, RunsDecoders) else (), decoder.name)
    for warp in warps:  # whose values are checked when they are built
        warp.build()
    step = LoadedStep(node, generate, engine, warps, decoder)
    if decoder is not None:
        decoder.build().check(step.sampling())
    return step


def check_weights(steps: Sequence[LoadedStep], budget: MethodSpec) -> None:
    """SetupError for a decoder whose completions count by their weights where a step or the budget counts them alike."""
    weighted = [(step, step.decoder) for step in steps if step.decoder is not None and step.decoder.build().weighted]
    alike = bool(weighted) and budget.build().estimator in ("none", "path_counting")
    for step, decoder in weighted:
        if alike or step.node.parents or step.node.step.role == "vote":
            place = f"budget {budget.name!r}" if alike else f"step {step.name!r}, a vote or a follow-up,"
            raise SetupError(
                f"completions of decoder {decoder.name!r} count by their weights, and {place} counts them alike.",
                choices=("decode: {method: masked}", "no decode"),
            )


def decoder_of(generate: Generate, base: Path) -> MethodSpec | None:
    """The decoder that a section names."""
    return (
        None if generate.decode is None else resolve("decoder", generate.decode.method, generate.decode.options, base=base)
    )


def check_roots(graph: StepGraph, budget: MethodSpec) -> None:
    """SetupError if an unjudged root is drawn by verdicts, or if the recipe has no answer at all."""
    unjudged = [name for name in graph.roots if name not in graph.answers]
    if not unjudged or issubclass(budget.cls, Search):
        return
    if not graph.answers:
        raise SetupError(
            "no step of the recipe is an answer, so nothing is judged.", next_command="a step with role: answer"
        )
    if reads_verdicts(budget.cls):
        raise SetupError(
            f"step {unjudged[0]!r} is not judged (role: step), and budget {budget.name!r} depends on verdicts.",
            next_command="a count for the step, or budget: {method: fixed}",
        )


def check_steps(graph: StepGraph, canonical: Sequence[dict[str, Any]], budget: Any) -> None:
    """SetupError if steps repeat one another, or if budget and steps do not go together."""
    roots = [step for step in canonical if step["name"] in graph.roots]
    drawn = [step for step in canonical if step in roots or not graph.nodes[step["name"]].step.searched]
    for first, second in combinations(drawn, 2):
        if _texts(first) == _texts(second):
            raise SetupError(
                f"steps {first['name']!r} and {second['name']!r} differ in max_tokens and stop at most: "
                "they draw the same texts.",
                next_command="give one of them another template, temperature or model",
            )
    if isinstance(budget, ChecksSteps):
        budget.check_steps(graph)
    names = [step["name"] for step in roots]
    if len(names) > 1 and not isinstance(budget, Search) and not (isinstance(budget, RoutingBudget) and budget.routes):
        raise SetupError(
            f"steps {', '.join(names)} follow nothing, and budget {budget.name!r} does not choose between them.",
            next_command="name an earlier step in a template, {" + names[0] + "} for one; or budget: {method: router}",
        )


def _texts(step: dict[str, Any]) -> str:
    return canonical_json({key: value for key, value in step.items() if key not in _NO_OTHER_TEXT})
