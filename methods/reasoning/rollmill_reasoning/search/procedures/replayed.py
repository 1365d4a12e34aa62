"""Policies written as procedures: generators that yield the growths of each wave and then read the new nodes.

A policy is a pure function of the tree, so the procedure is replayed over the existing waves, and its next yield is the
next wave. Its random choices are seeded by the last wave, so every replay makes the same choices.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from random import Random
from typing import Protocol

from rollmill.methods import Growth, Tree, TreeNode


class PastWaves:
    """Cursor over the waves of a tree up to the present one. `new`: nodes of the current wave. `votes`: votes of finished
    answers, set by the procedure.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree, self._wave = tree, -1
        self.new: Sequence[TreeNode] = ()
        self.votes: dict[str, float] = {}

    def take(self) -> bool:
        """Move to the next wave; False if there is none."""
        self._wave += 1
        if self._wave == len(self._tree.waves):
            return False
        self.new = self._tree.waves[self._wave]
        return True

    @property
    def chance(self) -> Random:
        """The source of random numbers of the last wave."""
        return self._tree.chance(self._wave)

    def node(self, node_id: str) -> TreeNode:
        """A node by its id."""
        return self._tree.by_id[node_id]

    def text(self, node_id: str) -> str:
        """The pieces of a text, a line each."""
        return "\n".join(node.piece for node in self._tree.path(node_id))


Procedure = Iterator[Sequence[Growth]]
"""A policy's running procedure."""


def to_their_ends(past: PastWaves) -> Generator[Sequence[Growth], None, list[TreeNode]]:
    """Continue the nodes of the last wave to their ends, which are returned in the order in which they end."""
    ends: list[TreeNode] = []
    while True:
        ends += [node for node in past.new if node.finished]
        if not (going := [node for node in past.new if not node.finished]):
            return ends
        yield [Growth(node.id, 1) for node in going]


class ReplayedPolicy(Protocol):
    """A policy with a procedure in place of `grow`."""

    name: str
    version: str

    def procedure(self, past: PastWaves) -> Procedure:
        """Growths of wave after wave; after each yield, `past.new` has the nodes."""
        ...


def growths_after(policy: ReplayedPolicy, tree: Tree) -> Sequence[Growth]:
    """The growths that the procedure yields after the waves of the tree; none at its end."""
    return _replay(policy, tree)[0]


def votes_after(policy: ReplayedPolicy, tree: Tree) -> Mapping[str, float]:
    """The votes that stand after the waves of the tree."""
    return _replay(policy, tree)[1].votes


def _replay(policy: ReplayedPolicy, tree: Tree) -> tuple[Sequence[Growth], PastWaves]:
    past = PastWaves(tree)
    procedure = policy.procedure(past)
    growths = next(procedure, ())
    while growths and past.take():
        growths = next(procedure, ())
    return growths, past
