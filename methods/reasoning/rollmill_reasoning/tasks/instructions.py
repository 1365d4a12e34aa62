"""Synthesizer `instructions`: chains of instructions whose last result shows whether all were followed.

SIFo (Chen et al. 2024, arXiv:2406.19999) verifies a chain by its last step alone. An interpreter gives the state after each
step. No step can be skipped: without one step, or without all steps from one on, the last result differs.

| task | state | instructions |
|---|---|---|
| `text` | a list of words | swap, reverse, remove, replace, append, move |
| `arithmetic` | a number | add, subtract, multiply, double, add the first number again |
| `rules` | doors that are allowed | allow, forbid, turn, copy and exchange rights |
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rollmill.methods import Problem
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

TASKS = ("text", "arithmetic", "rules")
LENGTHS = tuple(range(1, 13))
WORDS = ("red", "lamp", "river", "stone", "cloud", "apple", "north", "seven", "glass", "horse", "paper", "music")
DOORS = ("hall", "lab", "office", "store")
State = tuple[str, ...]
_ASK = "Follow the steps in the order of their numbers. Write each result as `Step N: result`, then #### and the last one."
_TRIES = 200  # chains that are drawn until every step of one is needed


class ChainStep(NamedTuple):
    """An instruction: its name, its arguments, and its text."""

    name: str
    args: tuple[int | str, ...]
    text: str


class Instructions:
    """Chains of each task and length in turn; the level is the length. `meta.states` has the result of each step."""

    name, version = "instructions", "1"

    def __init__(
        self,
        *,
        tasks: Sequence[str] = TASKS,
        lengths: Sequence[int] = (1, 2, 3, 4, 5, 6),
        order: str = "listed",
        split: str = "train",
    ) -> None:
        """Take the options of a recipe.

        Args:
            tasks: Tasks: `text`, `arithmetic`, `rules`.
            lengths: Numbers of instructions, 1 to 12.
            order: Instructions are `listed` in their order, or `shuffled` with their numbers, which measures position bias.
            split: Split of the problems: `train` or `heldout`, which share no instance.
        """
        self.tasks = checked_some(self.name, "tasks", tasks, TASKS)
        self.lengths = checked_some(self.name, "lengths", lengths, LENGTHS)
        self.order = checked_some(self.name, "order", (order,), ("listed", "shuffled"))[0]
        self.split = checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems."""
        kinds = [(task, length) for length in self.lengths for task in self.tasks]
        return distinct_problems(self.name, kinds, self._of, budget, seed)

    def _of(self, kind: tuple[str, int], rng: random.Random) -> Problem | None:
        task, length = kind
        start, chain = _needed_chain(task, length, rng)
        if not on_split(self.split, [task, start, [step.text for step in chain]]):
            return None
        places = list(range(length))
        if self.order == "shuffled":
            rng.shuffle(places)
        states = [shown(task, state) for state in run(task, start, chain)[1:]]
        lines = [f"Step {at + 1}: {chain[at].text}" for at in places]
        return Problem(
            "\n".join([_START[task].format(shown(task, start)), *lines, _ASK]),
            states[-1],
            kind="number" if task == "arithmetic" else "text",
            source="instructions",
            licence=LICENCE,
            split=self.split,
            level=length,
            skill=task,
            template=f"{task}-{length}",
            meta={"states": states, "listed": [at + 1 for at in places], "order": self.order},
        )


def run(task: str, start: State, chain: Sequence[ChainStep]) -> list[State]:
    """The state before the first instruction and after each."""
    states = [start]
    for step in chain:
        states.append(_APPLIED[task](states[-1], step, start))
    return states


def shown(task: str, state: State) -> str:
    """A state as an answer; the rules are asked about as the list of open doors, `none` without any."""
    return (", " if task == "rules" else " ").join(state) or "none"


def _needed_chain(task: str, length: int, rng: random.Random) -> tuple[State, list[ChainStep]]:
    """A start and instructions each of which the last state depends on."""
    # A start from which no chain is needed as a whole is replaced by another.
    while True:
        start = _FIRST[task](rng)
        for _ in range(_TRIES):
            chain: list[ChainStep] = []
            state = start
            while len(chain) < length:
                step = _DRAWN[task](state, rng)
                after = _APPLIED[task](state, step, start)
                if after != state:  # a step without effect could be left out
                    chain.append(step)
                    state = after
            if all_needed(task, start, chain):
                return start, chain


def all_needed(task: str, start: State, chain: Sequence[ChainStep]) -> bool:
    """True if the last state differs from all earlier ones and leaving out any single instruction changes it."""
    # If an earlier state were the last one, the steps between them could be skipped.
    *before, last = run(task, start, chain)
    return last not in before and all(
        run(task, start, [*chain[:at], *chain[at + 1 :]])[-1] != last for at in range(len(chain))
    )


def _draw_text(state: State, rng: random.Random) -> ChainStep:
    first, second = rng.sample(range(1, max(len(state), 2) + 1), 2)
    word = rng.choice(WORDS)
    steps = [
        ChainStep("swap", (first, second), f"Swap words {first} and {second}."),
        ChainStep("reverse", (), "Reverse the order of the words."),
        ChainStep("replace", (first, word), f'Replace word {first} by "{word}".'),
        ChainStep("append", (word,), f'Write "{word}" behind the last word.'),
        ChainStep("move", (first,), f"Move word {first} to the end."),
    ]
    if len(state) > 3:
        steps.append(ChainStep("remove", (first,), f"Remove word {first}."))
    return rng.choice(steps)


def _apply_text(state: State, step: ChainStep, start: State) -> State:  # noqa: ARG001
    words = list(state)
    place = int(step.args[0]) - 1 if step.args and isinstance(step.args[0], int) else -1
    if step.name == "append":
        return (*state, str(step.args[0]))
    if step.name == "reverse":
        return state[::-1]
    if place >= len(words):  # where a step before it is left out
        return state
    if step.name == "swap":
        # This place may also be missing where a step before it is left out.
        other = int(step.args[1]) - 1
        if other < len(words):
            words[place], words[other] = words[other], words[place]
    elif step.name == "replace":
        words[place] = str(step.args[1])
    else:
        word = words.pop(place)
        words += [word] if step.name == "move" else []
    return tuple(words)


def _draw_number(state: State, rng: random.Random) -> ChainStep:
    by = rng.randint(2, 20)
    steps = [
        ChainStep("add", (by,), f"Add {by}."),
        ChainStep("again", (), "Add the number that you started with."),
    ]
    if int(state[0]) > by:
        steps.append(ChainStep("subtract", (by,), f"Subtract {by}."))
    # Factors end at 5, so a product stays below 2,000.
    if int(state[0]) < 400:
        steps.append(ChainStep("multiply", (by % 4 + 2,), f"Multiply by {by % 4 + 2}."))
        steps.append(ChainStep("double", (), "Double it."))
    return rng.choice(steps)


def _apply_number(state: State, step: ChainStep, start: State) -> State:
    number, by = int(state[0]), int(step.args[0]) if step.args else 0
    results = {
        "add": number + by,
        "again": number + int(start[0]),
        "subtract": number - by,
        "multiply": number * by,
        "double": 2 * number,
    }
    return (str(results[step.name]),)


def _draw_rule(state: State, rng: random.Random) -> ChainStep:  # noqa: ARG001
    door, other = rng.sample(DOORS, 2)
    return rng.choice(
        [
            ChainStep("allow", (door,), f"Allow the {door}."),
            ChainStep("forbid", (door,), f"Forbid the {door}."),
            ChainStep("copy", (door, other), f"Give the {other} the right that holds for the {door} now."),
            ChainStep("exchange", (door, other), f"Exchange the rights of the {door} and the {other}."),
            ChainStep("turn", (door,), f"Turn the right of the {door} into its opposite."),
        ]
    )


def _apply_rule(state: State, step: ChainStep, start: State) -> State:  # noqa: ARG001
    rights = {door: door in state for door in DOORS}
    door = str(step.args[0])
    if step.name in ("allow", "forbid", "turn"):
        rights[door] = not rights[door] if step.name == "turn" else step.name == "allow"
    else:
        other = str(step.args[1])
        # Both at once, since an exchange reads both rights as they were.
        rights[other], rights[door] = rights[door], rights[other] if step.name == "exchange" else rights[door]
    return tuple(door for door in DOORS if rights[door])


_START = {
    "text": "The words are: {}.",
    "arithmetic": "Start with the number {}.",
    "rules": f"There are the doors {', '.join(DOORS)}. These are allowed at first: {{}}. The result of a step is the list "
    "of allowed doors in this order, or none.",
}
_FIRST: dict[str, Callable[[random.Random], State]] = {
    "text": lambda rng: tuple(rng.sample(WORDS, rng.randint(4, 6))),
    "arithmetic": lambda rng: (str(rng.randint(2, 30)),),
    "rules": lambda rng: tuple(door for door in DOORS if rng.random() < 0.5),
}
_DRAWN: dict[str, Callable[[State, random.Random], ChainStep]] = {
    "text": _draw_text,
    "arithmetic": _draw_number,
    "rules": _draw_rule,
}
_APPLIED: dict[str, Callable[[State, ChainStep, State], State]] = {
    "text": _apply_text,
    "arithmetic": _apply_number,
    "rules": _apply_rule,
}
