"""Shared parts of search policies: ranks with random order of equal scores, votes by score, and checked options."""

from collections.abc import Iterable, Mapping
from random import Random

from rollmill.ground.errors import SetupError
from rollmill.pipelines.option_checks import checked_count, refused
from rollmill.pipelines.search.tree import Tree, TreeNode
from rollmill.steps.step_template import places_of


def ranked(nodes: Iterable[TreeNode], chance: Random) -> list[TreeNode]:
    """The best first. Equal scores have random order: by place, the first parent's children would win every tie."""
    placed = sorted(((-node.score, chance.random(), node) for node in nodes), key=lambda entry: entry[:2])
    return [node for _, _, node in placed]


def best_leaf(tree: Tree) -> TreeNode:
    """The begun answer with the best score, of equal ones the longest: brought to its end if nothing else was."""
    leaves = [node for node in tree.nodes if not node.finished and not tree.children[node.id]]
    return max(leaves, key=lambda node: (node.score, node.depth))


def votes_by_score(tree: Tree) -> Mapping[str, float]:
    """Each finished answer by its score; one of 0 still has a vote where there is no other."""
    return {node.id: max(node.score, 1e-6) for node in tree.finished}


def checked_text(policy: str, option: str, value: object) -> None:
    """SetupError if an option is not a text that can be written into an answer unchanged."""
    if not isinstance(value, str) or not value or places_of(value, ["piece"]):
        raise refused("search policy", policy, option, value, "a text without a place like {prompt}")


def checked_width(policy: str, width: object, expand: object) -> None:
    """SetupError if a beam's width is not a multiple of the pieces per node."""
    checked_count("search policy", policy, "width", width)
    checked_count("search policy", policy, "expand", expand)
    if isinstance(width, int) and isinstance(expand, int) and width % expand:
        raise SetupError(f"search policy {policy!r}: width {width} is not a multiple of expand {expand}.")
