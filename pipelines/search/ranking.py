"""What search policies share: ranks in which equal scores stand by chance, and checked options."""

from collections.abc import Iterable
from random import Random

from pipelines.search.tree import Node, Tree
from pipelines.steps.templates import places_of
from storage.errors import SetupError


def ranked(nodes: Iterable[Node], chance: Random) -> list[Node]:
    """The best first. Equal scores stand in random order: by place, the first parent's children would win every tie."""
    placed = sorted(((-node.score, chance.random(), node) for node in nodes), key=lambda entry: entry[:2])
    return [node for _, _, node in placed]


def best_leaf(tree: Tree) -> Node:
    """The begun answer with the best score, of equal ones the longest: brought to its end where nothing else was."""
    leaves = [node for node in tree.nodes if not node.finished and not tree.children[node.id]]
    return max(leaves, key=lambda node: (node.score, node.depth))


def checked_number(name: str, option: str, value: object, *, least: int = 1, role: str = "search policy") -> None:
    """SetupError where an option is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SetupError(f"{role} {name!r}: {option} is {value!r}, and must be a whole number, at least {least}.")


def checked_positive(policy: str, option: str, value: object) -> None:
    """SetupError where an option is not a number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise SetupError(f"search policy {policy!r}: {option} is {value!r}, and must be a number above 0.")


def checked_word(policy: str, option: str, value: object, choices: tuple[str, ...]) -> None:
    """SetupError where an option is none of these words."""
    if value not in choices:
        raise SetupError(f"search policy {policy!r}: {option} is {value!r}.", choices=choices)


def checked_text(policy: str, option: str, value: object) -> None:
    """SetupError where an option is no text that can be written into an answer as it is."""
    if not isinstance(value, str) or not value or places_of(value, ["piece"]):
        raise SetupError(
            f"search policy {policy!r}: {option} is {value!r}, and must be a text without a place like {{prompt}}."
        )


def checked_width(policy: str, width: object, expand: object) -> None:
    """SetupError where a beam's width is no multiple of what each node is gone on from."""
    checked_number(policy, "width", width)
    checked_number(policy, "expand", expand)
    if isinstance(width, int) and isinstance(expand, int) and width % expand:
        raise SetupError(f"search policy {policy!r}: width {width} is no multiple of expand {expand}.")
