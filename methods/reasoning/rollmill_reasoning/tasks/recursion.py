"""Synthesizer `recursion`: tasks of structural recursion by depth, with the share of their depth in a training.

| task | depth | asked for |
|---|---|---|
| `successor` | carries of adding one to a binary number | the next binary number |
| `preorder`, `inorder` | height of a binary tree | its labels in order |
| `nesting` | pairs of brackets around the innermost | the greatest depth of brackets |

Zhang et al. 2024 (arXiv:2401.12947) find that trained models learn shortcuts, which fail where the recursion is deep and
the training was rare. `meta.coverage` has the share of the task's training problems that have this depth, in 10,000ths.
"""

import random
from collections.abc import Iterator, Mapping, Sequence

from rollmill.methods import Problem, SetupError
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

TASKS = ("successor", "preorder", "inorder", "nesting")
MOST = 12  # depth: a tree of height 12 has up to 25 nodes, and there are 26 letters
BITS = 20  # of a binary number, at most
Tree = tuple[str, "Tree | None", "Tree | None"]
_PAIRS = ("()", "[]", "{}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Recursion:
    """Problems of each task and depth in turn, or in the shares of `trained`."""

    name, version = "recursion", "1"

    def __init__(
        self,
        *,
        tasks: Sequence[str] = TASKS,
        depths: Sequence[int] = (0, 1, 2, 3, 4, 5, 6),
        trained: Mapping[int, float] | None = None,
        draw: str = "even",
        split: str = "train",
    ) -> None:
        """Take the options of a recipe.

        Args:
            tasks: Tasks: `successor`, `preorder`, `inorder`, `nesting`.
            depths: Depths of the recursion, 0 to 12.
            trained: Weight of each depth in the training; none: each depth half as often as the one before it.
            draw: Depths `even`, or as often as they are `trained`.
            split: Split of the problems: `train` or `heldout`, which share no instance.
        """
        self.tasks = checked_some(self.name, "tasks", tasks, TASKS)
        self.depths = checked_some(self.name, "depths", depths, range(MOST + 1))
        self.draw = checked_some(self.name, "draw", (draw,), ("even", "trained"))[0]
        self.split = checked_split(self.name, split)
        given = (
            {depth: 0.5**depth for depth in range(MOST + 1)}
            if trained is None
            else {int(at): trained[at] for at in trained}
        )
        # With 0 among them an empty mapping has a minimum too; its sum is refused.
        if min((*given.values(), 0.0)) < 0 or sum(given.get(depth, 0.0) for depth in self.depths) <= 0:
            raise SetupError(f"synthesizer 'recursion': trained is {trained}; weights are 0 or more, and one above 0.")
        # Over all trained depths and not those of this recipe: coverage is about the whole training.
        self.trained = {depth: weight / sum(given.values()) for depth, weight in given.items()}

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems; a task and depth that has no more, as the smallest trees, leaves the turn."""
        if self.draw == "even":
            kinds = [(task, depth) for depth in self.depths for task in self.tasks]
            return distinct_problems(self.name, kinds, self._of, budget, seed)
        return distinct_problems(self.name, self.tasks, self._trained, budget, seed)

    def _trained(self, task: str, rng: random.Random) -> Problem | None:
        weights = [self.trained.get(depth, 0.0) for depth in self.depths]
        return self._of((task, rng.choices(self.depths, weights)[0]), rng)

    def _of(self, kind: tuple[str, int], rng: random.Random) -> Problem | None:
        task, depth = kind
        question, answer = _DRAWN[task](depth, rng)
        if not on_split(self.split, [task, question]):
            return None
        return Problem(
            question,
            answer,
            source="recursion",
            licence=LICENCE,
            split=self.split,
            level=depth + 1,
            skill=task,
            template=f"{task}-{depth}",
            meta={"depth": depth, "coverage": round(10_000 * self.trained.get(depth, 0.0))},
        )


def _successor(depth: int, rng: random.Random) -> tuple[str, str]:
    """A number that ends in a 0 and `depth` ones; without a 0 before them it grows by a digit, the edge of all edges."""
    # Without a head and without ones no digit would be left.
    head = format(rng.randrange(2 ** (BITS - depth - 1)), "b") if rng.random() < 0.9 or not depth else ""
    bits = f"{head}0{'1' * depth}" if head else "1" * depth
    # A head may be 0 itself.
    bits = bits.lstrip("0") or "0"
    return (
        f"Add one to the binary number {bits}. Write the binary number as the answer.",
        successor(bits),
    )


def successor(bits: str) -> str:
    """The next binary number, by recursion on its last digit."""
    if not bits:
        return "1"
    return bits[:-1] + "1" if bits[-1] == "0" else successor(bits[:-1]) + "0"


def carries(bits: str) -> int:
    """Recursive calls of `successor` beyond the first."""
    return len(bits) - len(bits.rstrip("1"))


def tree_of(height: int, rng: random.Random, labels: Iterator[str]) -> Tree:
    """A random tree of exactly this height with at most 2 * height + 1 nodes; the longer branch is on either side."""
    label = next(labels)
    if height == 0:
        return label, None, None
    deep = tree_of(height - 1, rng, labels)
    other = (next(labels), None, None) if rng.random() < 0.6 else None
    return (label, deep, other) if rng.random() < 0.5 else (label, other, deep)


def written(tree: Tree | None) -> str:
    """A tree as text: a label with its two branches in brackets, `_` for none; a leaf is its label."""
    if tree is None:
        return "_"
    label, left, right = tree
    return label if left is None and right is None else f"{label}({written(left)} {written(right)})"


def order(tree: Tree | None, task: str) -> list[str]:
    """Labels of a tree in `preorder` or `inorder`."""
    if tree is None:
        return []
    label, left, right = tree
    before, after = order(left, task), order(right, task)
    return [label, *before, *after] if task == "preorder" else [*before, label, *after]


def _traversal(task: str, depth: int, rng: random.Random) -> tuple[str, str]:
    labels = rng.sample(_LETTERS, len(_LETTERS))
    tree = tree_of(depth, rng, iter(labels))
    asked = f"The binary tree {written(tree)} has label(left right) at each node, and _ for no branch."
    return f"{asked} Write its labels in {task} as one word.", "".join(order(tree, task))


def _nesting(depth: int, rng: random.Random) -> tuple[str, str]:
    text = _brackets(depth, rng)
    # `depth` counts the pairs around the innermost one, which is a level of its own.
    return f"How deep are the brackets of {text} nested at most?", str(depth + 1)


def _brackets(depth: int, rng: random.Random) -> str:
    """Brackets around brackets, with shallower ones beside them."""
    inside = _brackets(depth - 1, rng) if depth else ""
    before, after = ("".join(rng.choice(_PAIRS) for _ in range(rng.randrange(3))) for _ in range(2))
    pair = rng.choice(_PAIRS)
    return f"{before}{pair[0]}{inside}{pair[1]}{after}"


def nesting(text: str) -> int:
    """Greatest depth of brackets, counted from the left."""
    depth = most = 0
    for sign in text:
        depth += 1 if sign in "([{" else -1
        most = max(most, depth)
    return most


_DRAWN = {
    "successor": _successor,
    "preorder": lambda depth, rng: _traversal("preorder", depth, rng),
    "inorder": lambda depth, rng: _traversal("inorder", depth, rng),
    "nesting": _nesting,
}
