"""The synthesizer over the library reasoning-gym: a hundred procedural task families with their own verifiers.

Problems are made in a child process with fixed string hashing, because some families follow the order of sets. Each problem
carries the library's entry, so `score` needs nothing else.

Threat: some of the library's verifiers evaluate the answer as code. Call `score` on model text only in a confined process.
"""

import functools
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.processes.messages import MessageChild
from rollmill.pipelines.processes.spawn import environment, module_command

SOURCE = "reasoning-gym"
LICENCE = "Apache-2.0"
KIND = "reasoning_gym"

# Lists that the library compares with tuples: JSON knows only lists.
_TUPLES = frozenset({"arc_agi", "rearc"})
_NAN = re.compile(r"\bnanj?\b", re.IGNORECASE)
_INSTALL = 'pip install -e ".[tasks]"'


class ReasoningGym:
    """Problems from families of reasoning-gym, taking turns; all usable families when `tasks` is not given.

    `config` maps a family to options of its own, such as {"gcd": {"max_value": 50}}. `split` names the stream of seeds: two
    splits draw from different seeds, which makes equal problems rare in a large family and does not exclude them in a small
    one.
    """

    name = "reasoning_gym"

    def __init__(
        self,
        *,
        tasks: Sequence[str] | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        split: str = "train",
    ) -> None:
        """Take the options of a recipe.

        Args:
            tasks: Families of reasoning-gym; none: every usable one.
            config: Options of a family, by its name.
            split: Name of the stream of seeds; two splits draw from different seeds.
        """
        if importlib.util.find_spec("reasoning_gym") is None:
            raise SetupError("the library reasoning-gym is not installed.", next_command=_INSTALL)
        if tasks is not None and not tasks:
            raise SetupError("tasks is empty; leave it out to take every family.")
        self.tasks = None if tasks is None else tuple(dict.fromkeys(tasks))
        self.config = {family: dict(options) for family, options in (config or {}).items()}
        self.split = split
        # Another release may make other problems from the same seed.
        self.version = f"2+reasoning-gym-{version('reasoning-gym')}"

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` problems with distinct prompts; SetupError for an unknown family or option, or for too few."""
        if budget < 1:
            raise SetupError(f"a budget of {budget} problems is not possible; give 1 or more.")
        # Not a generator itself, so that a wrong budget is refused at the call and not at the first problem.
        return self._problems(budget, seed)

    def _problems(self, budget: int, seed: int) -> Iterator[Problem]:
        stream = int(digest128(["reasoning-gym", seed, self.split])[:8], 16) >> 2
        request = {"tasks": self.tasks, "config": self.config, "seed": stream, "count": budget}
        count = 0
        for row in _rows_of_worker(request):
            if "error" in row:
                if row["error"] == "unknown family":
                    raise unknown_name("reasoning-gym family", row["family"], row["known"])
                raise SetupError(f"reasoning-gym family {row['family']!r}: {row['error']}.")
            count += 1
            yield self._problem(row)
        if count < budget:
            raise SetupError(
                f"the families gave only {count} distinct problems of {budget}.",
                next_command="ask for fewer, or for more families",
            )

    def _problem(self, row: dict[str, Any]) -> Problem:
        return Problem(
            prompt=row["question"],
            reference=row["reference"],
            kind=KIND,
            source=SOURCE,
            licence=LICENCE,
            split=self.split,
            skill=row["family"],
            template=f"reasoning_gym/{row['family']}",
            meta={key: row[key] for key in ("family", "config", "seed", "size", "index", "entry")},
        )


def score(problem: Problem, answer: str) -> float:
    """The library's own score of an answer from 0 to 1 (1 = right). Call it only in a confined process: see above.

    Several of the library's verifiers raise on text they did not expect. The reference scored full marks when the problem
    was made, so an exception of the verifier is the answer's fault and scores 0; only MemoryError is passed on. An answer
    that says `nan` scores 0: comparisons with it have passed as right (complex_arithmetic).
    """
    if _NAN.search(answer) and not _NAN.search(problem.reference):
        return 0.0
    family = str(problem.meta["family"])
    # As text, since the arguments of a cached function must be hashable.
    dataset = _dataset(family, canonical_json(problem.meta["config"]))
    entry = entry_of(family, problem.meta["entry"])
    try:
        return float(dataset.score_answer(answer, entry))
    except MemoryError:
        raise
    except Exception:
        return 0.0


def entry_of(family: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored entry in the form of the family's verifier."""
    entry = json.loads(canonical_json(dict(stored)))
    return {key: _tuples(value) for key, value in entry.items()} if family in _TUPLES else dict(entry)


@functools.lru_cache(maxsize=256)
def _dataset(family: str, config: str) -> Any:
    import reasoning_gym

    # Only its verifier is used, so the seed and size of its problems do not matter.
    return reasoning_gym.create_dataset(family, seed=0, size=1, **json.loads(config))


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _rows_of_worker(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The worker's rows as they come; it is ended when the reader stops early."""
    worker = MessageChild(
        module_command("rollmill.pipelines.synthesize.gym_worker"),
        environment(*sys.path, PYTHONHASHSEED="0"),  # the path without the folder that the command was called in
        stderr=subprocess.DEVNULL,
    )
    try:
        worker.send(dict(request))
        while (row := worker.receive()) is not None:
            if row.get("done"):
                return
            yield row
        raise RuntimeError("the reasoning-gym worker ended without a last word")
    finally:
        worker.kill()
