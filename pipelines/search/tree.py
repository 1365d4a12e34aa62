"""The tree of partial answers of one problem: the input of a search policy, and its decisions. Pure data; asks no model.

A node is a piece of an answer (a line, or so many tokens) behind the pieces above it. A policy is a pure function of the
tree: where it chooses by chance, the chance follows from the recipe's seed, the problem and the wave alone, so a resumed
run, another batch size or another number of workers grows the same tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Protocol, runtime_checkable

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128, seed_of
from rollmill.steps.step_template import TemplatePlace, places_of

ROOT = ""
"""The problem itself, from which answers begin."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A partial or finished answer. `id`: completion id of its last piece. `parent`: id of its parent; ROOT: none.

    `wave`: number of the wave in which it was drawn, from 0. `score`: score of the text so far by the process, 0 to 1.
    `tokens`: tokens of its last piece. `path_tokens`, `path_logprob`: tokens and log-probability of the whole text so far.
    `mark`: equal for equal pieces. `process_tokens`: tokens of the draws that scored it. `piece`: text of its last piece.
    `step`: name of the step that drew it. `measured`: True if the score is an outcome and not an estimate.
    """

    id: str
    parent: str
    depth: int
    wave: int
    finished: bool
    score: float
    tokens: int
    path_tokens: int
    path_logprob: float | None = None
    mark: str = ""
    process_tokens: int = 0
    piece: str = ""
    step: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """Continue a node `count` times (ROOT: begin new answers). `behind`: the name of a text that is put behind it first, or
    of a question about it, which shows the nodes `beside` too.
    """

    node: str
    count: int
    behind: str = ""
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """All draws of one problem as a tree of nodes, in the order in which they were planned."""

    problem_id: str
    nodes: tuple[TreeNode, ...] = ()
    seed: int = 0

    @cached_property
    def by_id(self) -> Mapping[str, TreeNode]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def children(self) -> Mapping[str, Sequence[TreeNode]]:
        """The children of each node, in order; those that begin an answer under ROOT."""
        children: dict[str, list[TreeNode]] = {ROOT: [], **{node.id: [] for node in self.nodes}}
        for node in self.nodes:
            children[node.parent].append(node)
        return children

    @cached_property
    def waves(self) -> Sequence[Sequence[TreeNode]]:
        """The nodes of each wave, in order."""
        waves: list[list[TreeNode]] = [[] for _ in range(1 + max((node.wave for node in self.nodes), default=-1))]
        for node in self.nodes:
            waves[node.wave].append(node)
        return waves

    @property
    def finished(self) -> Sequence[TreeNode]:
        """The finished answers."""
        return [node for node in self.nodes if node.finished]

    @property
    def tokens(self) -> int:
        """Token cost of the tree, dead ends and the draws of its process included."""
        return sum(node.tokens + node.process_tokens for node in self.nodes)

    def path(self, node_id: str) -> Sequence[TreeNode]:
        """The nodes from the beginning of an answer to this one."""
        path: list[TreeNode] = []
        while node_id != ROOT:
            path.append(self.by_id[node_id])
            node_id = path[-1].parent
        return path[::-1]

    def chance(self, wave: int) -> Random:
        """The source of random numbers of a wave: the same for the same recipe seed, problem and wave."""
        return Random(seed_of(digest128(["search", self.seed, self.problem_id, wave])))


class SearchPolicy(Protocol):
    """Chooses the nodes to continue, and at the end the weight of each finished answer."""

    name: str
    version: str

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Draws of the next wave: unfinished nodes or ROOT, each once. An empty list ends the search."""
        ...

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """The weight of each finished answer that counts, by node id; label-free, for an election among their answers."""
        ...


@runtime_checkable
class WritingPolicy(SearchPolicy, Protocol):
    """A policy that puts words into answers. `texts`: what, by its name: `wait`, after which the model continues, also from
    a finished node; `end`, after which one piece ends the answer, done at `longest` tokens.
    """

    @property
    def texts(self) -> Mapping[str, str]: ...

    @property
    def longest(self) -> int: ...


@runtime_checkable
class AskingPolicy(SearchPolicy, Protocol):
    """A policy that asks new questions about nodes, whose texts do not continue theirs.

    `questions`: templates by name, with {prompt}, and {piece*} for the node's text and those beside it: `direction`, whose
    text is no answer, and `rewritten`, whose text begins a new answer, or with `whole` is all of it.
    """

    @property
    def questions(self) -> Mapping[str, str]: ...

    @property
    def whole(self) -> bool: ...


def checked_question(policy: str, option: str, template: object, *, of_nodes: bool = True) -> None:
    """SetupError if a template does not name {prompt}, or anything but it and, with `of_nodes`, {piece*}."""
    wanted = {TemplatePlace("prompt"), *([TemplatePlace("piece", "*")] if of_nodes else [])}
    if not isinstance(template, str) or set(places_of(template, ["piece"])) != wanted:
        places = "{prompt} and {piece*}" if of_nodes else "{prompt}"
        raise SetupError(f"search policy {policy!r}: option {option!r} must be a text with {places} and no other place.")
