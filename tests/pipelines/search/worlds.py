"""Toy worlds for search policies: answers of a few marks, drawn by chance, scored by a function of the text so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from rollmill.ground.ids import digest128, seed_of
from rollmill.pipelines.search.kernel import wave_of
from rollmill.pipelines.search.tree import ROOT, SearchPolicy, Tree, TreeNode


@dataclass
class World:
    """`depth` pieces make an answer; `draw` gives a piece after a text, `score` a number for a text.

    `ends`: whether a text is finished, where answers differ in length.
    """

    depth: int = 4
    draw: Callable[[str, Random], str] = lambda _, chance: chance.choice("01")
    score: Callable[[str], float] = lambda _: 0.5
    ends: Callable[[str], bool] = lambda _: False
    texts: dict[str, str] = field(default_factory=dict)

    def grown(self, policy: SearchPolicy, seed: int = 0, most_tokens: int | None = None) -> Tree:
        """The tree when the policy asks for nothing more."""
        nodes: list[TreeNode] = []
        for wave in range(200):
            tree = Tree("toy", tuple(nodes), seed)
            growths = wave_of(policy, tree, most_tokens)
            assert growths == wave_of(policy, Tree("toy", tuple(nodes), seed), most_tokens)  # pure
            if not growths:
                return tree
            for one in growths:
                first = len(tree.children[one.node])
                grown = [self._node(tree, one.node, first + index, wave) for index in range(one.count)]
                nodes += [replace(node, **self._made_by(policy, one.behind)) for node in grown]
        raise AssertionError(f"{policy.name} does not end")

    @staticmethod
    def _made_by(policy: SearchPolicy, step: str) -> dict[str, Any]:
        """The end of an answer is finished and so is a whole new one; a direction is none."""
        whole = step == "rewritten" and getattr(policy, "whole", False)
        changes: dict[str, Any] = {"finished": True} if step == "end" or whole else {}
        return {"finished": False, "step": step} if step == "direction" else {"step": step, **changes}

    def text(self, node: TreeNode) -> str:
        """The whole text of a node."""
        return self.texts[node.id]

    def _node(self, tree: Tree, parent: str, index: int, wave: int) -> TreeNode:
        before = self.texts.get(parent, "")
        above = tree.by_id.get(parent)
        cid = digest128([tree.seed, parent, index])
        piece = self.draw(before, Random(seed_of(cid)))
        text = self.texts[cid] = before + piece
        depth = 1 if above is None else above.depth + 1
        ended = depth == self.depth or self.ends(text)
        logprob = -0.5 * depth
        mark = digest128(piece)[:16]
        return TreeNode(cid, parent or ROOT, depth, wave, ended, self.score(text), 1, depth, logprob, mark, piece=piece)


def one_wave(scores: Sequence[float], **changes: Any) -> Tree:
    """A tree of first pieces with these scores."""
    nodes = [TreeNode(f"n{at:02}", ROOT, 1, 0, False, score, 1, 1, -1.0, str(at)) for at, score in enumerate(scores)]
    return Tree("toy", tuple(nodes), **changes)
