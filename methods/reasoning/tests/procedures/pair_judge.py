"""Toy model of policies that compare answers in pairs: right and wrong answers, and a judge with an error rate."""

from random import Random

from rollmill.pipelines.search.kernel import wave_of
from rollmill.pipelines.search.tree import ROOT, Growth, SearchPolicy, Tree, TreeNode


class Answers:
    """Answers that are right with chance `p_gen`; the right one of a pair is named with chance `p_comp`.

    `always`: the place that is named whatever is shown there.
    """

    def __init__(self, seed: int, p_gen: float = 0.5, p_comp: float = 0.8, always: str = "") -> None:
        self.chance, self.p_gen, self.p_comp, self.always = Random(seed), p_gen, p_comp, always
        self.nodes: list[TreeNode] = []
        self.seed = seed

    def play(self, policy: SearchPolicy) -> Tree:
        """The tree when nothing more is asked."""
        while growths := wave_of(policy, tree := Tree("toy", tuple(self.nodes), self.seed)):
            wave = len(tree.waves)
            for growth in growths:
                for _ in range(growth.count):
                    self.nodes.append(self._node(growth, wave))
        return tree

    def _node(self, growth: Growth, wave: int) -> TreeNode:
        number, answer = len(self.nodes), growth.node == ROOT
        piece = self._answer(number) if answer else f"Better: {self._named(growth)}"
        step = "piece" if answer else "direction"
        return TreeNode(f"n{number:03}", growth.node, 1, wave, answer, 0.5, 1, 1, piece=piece, step=step)

    def _answer(self, number: int) -> str:
        return f"{'right' if self.chance.random() < self.p_gen else 'wrong'} {number}"

    def _named(self, growth: Growth) -> str:
        texts = {node.id: node.piece for node in self.nodes}
        first, second = (texts[one].startswith("right") for one in (growth.node, *growth.beside))
        if self.always or first == second:
            return self.always or self.chance.choice("12")
        better = "1" if first else "2"
        return better if self.chance.random() < self.p_comp else str(3 - int(better))


def is_right(tree: Tree, policy: SearchPolicy) -> bool:
    ((winner, weight),) = policy.votes(tree).items()
    assert weight == 1.0
    return tree.by_id[winner].piece.startswith("right")
