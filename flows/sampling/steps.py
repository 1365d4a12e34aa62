"""The steps of a run (engine, sampling, template, rules), as its recipe lists them, and the engines behind them.

A recipe that lists none has one, whose name is "". Two steps with one factory share one engine (and its memory); an engine
is built on first use. The seed of a completion follows from prompt and sample index, not from the step: equal indices on
two steps are a paired draw (common random numbers), and their ids differ as model, sampling or template do.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import check_template, plain_text
from rollmill.ground.records import Message, Problem, Prompt, Sampling
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.roles.engine_roles import Generator
from rollmill.steps.graph import Node
from rollmill.steps.step_template import Filling, filled

Factory = Callable[[], Generator]


@dataclass(frozen=True, slots=True)
class Step:
    """An engine with its sampling, the form in which it is asked, and its rules and place among the steps (`node`).

    `generator` None: its rollouts were imported. `system`: a system message that the engine itself puts before prompts.
    """

    node: Node
    generator: Factory | None
    sampling: Sampling = field(default_factory=Sampling)
    form: PromptForm = field(default_factory=PromptForm)
    batch_size: int = 256
    system: str | None = None

    def __post_init__(self) -> None:
        check_template(self.form.template)
        if self.batch_size < 1:
            of = f" of step {self.name!r}" if self.name else ""
            raise SetupError(f"batch_size{of} is {self.batch_size}, and must be at least 1.")

    @property
    def name(self) -> str:
        """Name of the step in the recipe; "" if the recipe lists no steps."""
        return self.node.step.name

    @property
    def follows(self) -> bool:
        """True if the step follows other steps."""
        return bool(self.node.named)

    @property
    def raw(self) -> bool:
        """True for a step without a model: its filled template goes to a model-free engine."""
        return self.node.step.raw

    @property
    def alike(self) -> bool:
        """True if the prompt is the same for every sample index."""
        return not self.node.step.swap or all(place.name != "pair" for place in self.node.places)

    def prompt_for(self, problem: Problem, given: Filling | None = None) -> Prompt:
        """Prompt of a problem for the engine; `given`: the values that fill a follow-up's template."""
        if self.node.plain:
            return self.form.prompt_for(problem)
        filling = (given or Filling(problem.prompt, problem.reference, {}))._replace(solution=self._solution(problem))
        rule = self.node.step
        question = filled(rule.template, self.node.named, filling)
        if not rule.raw:
            return self.form.around(question, problem)
        options = [(key, filled(value, self.node.named, filling)) for key, value in sorted(rule.options.items())]
        text = Message("user", plain_text(question))
        messages = tuple(Message("option", plain_text(value), kind="option", name=key) for key, value in options)
        return (text, *messages) if messages else text.content

    def _solution(self, problem: Problem) -> str:
        """The worked solution, if the step asks for it; SetupError if there is none."""
        if all(place.name != "solution" for place in self.node.places):
            return ""
        solution = problem.meta.get("solution")
        if not isinstance(solution, str) or not solution.strip():
            where = f"problem {problem.external_id or problem.id}"
            raise SetupError(f"step {self.name!r} asks for {{solution}}, and {where} has no worked solution.")
        return solution


class Engines:
    """Engines by factory, each built once and kept until `close`."""

    def __init__(self) -> None:
        self._built: dict[Factory, Generator] = {}
        self._lock = threading.RLock()

    def of(self, factory: Factory) -> Generator:
        """The engine of this factory."""
        with self._lock:
            if factory not in self._built:
                self._built[factory] = factory()
            return self._built[factory]

    def built(self) -> list[Generator]:
        """Engines built so far."""
        with self._lock:
            return list(self._built.values())

    def close(self) -> None:
        """Release every engine; safe to call twice."""
        with self._lock:
            # Taken out under the lock and closed after it: closing an engine may take seconds.
            built, self._built = list(self._built.values()), {}
        for engine in built:
            engine.close()


def check_differ(steps: Sequence[Step], engines: Engines, problem: Problem) -> None:
    """SetupError if two steps would draw the same texts.

    Equal seeds under equal model, prompt and sampling give equal texts, up to where the shorter one is cut off: such a step
    costs tokens and finds nothing new.
    """
    names: dict[object, str] = {}
    for step in steps:
        if step.generator is None:
            continue
        engine = engines.of(step.generator)
        # Left out, as a cut changes where a text ends and not what it says up to there.
        same = replace(step.sampling, max_tokens=0, stop=())
        key = engine.engine, engine.model_digest, engine.render(step.prompt_for(problem)), same
        if key in names:
            raise SetupError(
                f"steps {names[key]!r} and {step.name!r} differ in max_tokens and stop at most: they draw the same texts.",
                next_command="give one of them another prompt_template, temperature or model",
            )
        names[key] = step.name
