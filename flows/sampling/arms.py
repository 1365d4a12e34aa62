"""The arms of a run (engine, sampling, prompt template), as its recipe lists them, and the engines behind them.

A recipe that names none has one, whose name is "". Two arms with one factory share one engine (and its memory); an engine
is built when it is first asked for. The seed of a completion follows from prompt and sample index, not from the arm: equal
indices on two arms are a paired draw (common random numbers), and their ids differ as model, sampling or template do.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pipelines.generate.prompts import PromptForm, check_template
from pipelines.protocols import Generator
from storage.errors import SetupError
from storage.records import Problem, Prompt, Sampling

Factory = Callable[[], Generator]


@dataclass(frozen=True, slots=True)
class Arm:
    """An engine with its sampling, and the form in which it is asked."""

    name: str
    generator: Factory
    sampling: Sampling = field(default_factory=Sampling)
    form: PromptForm = field(default_factory=PromptForm)
    batch_size: int = 256

    def __post_init__(self) -> None:
        check_template(self.form.template)
        if self.batch_size < 1:
            raise SetupError(f"batch_size of arm {self.name!r} is {self.batch_size}, and must be at least 1.")

    def asked(self, problem: Problem) -> Prompt:
        """What the engine is given for a problem."""
        return self.form.asked(problem)


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
        """Those that were asked for so far."""
        with self._lock:
            return list(self._built.values())

    def close(self) -> None:
        """Release every engine; safe to call twice."""
        with self._lock:
            built, self._built = list(self._built.values()), {}
        for engine in built:
            engine.close()


def check_names(arms: Sequence[Arm]) -> None:
    """SetupError where two arms have one name, or one has none."""
    names = [arm.name for arm in arms]
    for name in names:
        if not name or names.count(name) > 1:
            raise SetupError(f"arm {name!r} is named {'twice' if name else 'by nothing'}; every arm needs its own name.")


def check_differ(arms: Sequence[Arm], engines: Engines, problem: Problem) -> None:
    """SetupError where two arms would draw the same texts.

    Equal seeds under equal model, prompt and sampling give equal texts, up to where the shorter one is cut off: such an arm
    costs tokens and finds nothing new.
    """
    seen: dict[object, str] = {}
    for arm in arms:
        engine = engines.of(arm.generator)
        same = replace(arm.sampling, max_tokens=0, stop=())
        key = engine.engine, engine.model_digest, engine.render(arm.asked(problem)), same
        if key in seen:
            raise SetupError(
                f"arms {seen[key]!r} and {arm.name!r} differ in max_tokens and stop at most: they draw the same texts.",
                next_command="give one of them another prompt_template, temperature or model",
            )
        seen[key] = arm.name
