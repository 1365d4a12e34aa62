"""Checked wave of a search: the requests of a policy and a process, as draws that a budget could plan. Asks no model."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rollmill.ground.errors import contract_error
from rollmill.pipelines.search.partial import PieceDraws
from rollmill.pipelines.search.tree import ROOT, AskingPolicy, Growth, SearchPolicy, Tree, TreeNode, WritingPolicy
from rollmill.roles.tallies import Draw

PROCESS_INDEX = 1 << 20
"""The first sample index of a process's draws. With the indices of the next pieces they would share seeds, and rollouts
would begin with exactly the pieces that they are meant to judge.
"""


@dataclass(frozen=True, slots=True)
class SearchSteps:
    """The names of the steps that a search draws on: the first piece of an answer, the next ones, the finished answer, a
    process's draws, the pieces after a text that the policy writes, and the answers to its questions.
    """

    first: str = "piece"
    following: str = "next"
    answer: str = "answer"
    process: str = "process"
    wait: str = "wait"
    end: str = "end"
    direction: str = "direction"
    rewritten: str = "rewritten"

    @property
    def pieces(self) -> tuple[str, ...]:
        """Steps that draw pieces."""
        return self.first, self.following, self.wait, self.end, self.direction, self.rewritten

    @property
    def anew(self) -> tuple[str, ...]:
        """Steps whose texts do not continue those of the nodes that they follow."""
        return self.direction, self.rewritten


def wave_of(policy: SearchPolicy, tree: Tree, most_tokens: int | None = None) -> Sequence[Growth]:
    """Growths that the policy requests, none once the tree has cost `most_tokens`; raises if it breaks the rules."""
    # Before the policy is asked: past the limit its wishes no longer matter.
    if most_tokens is not None and tree.tokens >= most_tokens:
        return ()
    growths, texts = list(policy.grow(tree)), policy.texts if isinstance(policy, WritingPolicy) else ()
    questions = policy.questions if isinstance(policy, AskingPolicy) else {}
    for growth in growths:
        asked = growth.behind in questions
        if growth.count < 1 or not (_can_ask(growth, tree, questions) if asked else _can_grow(growth, tree, texts)):
            raise contract_error(
                f"search policy {policy.name!r} asks for {growth} of {len(tree.nodes)} nodes of {tree.problem_id}"
            )
    # Both growths would begin at the node's next sample index, and on one step name the same draws.
    if len({growth.node for growth in growths}) < len(growths):
        raise contract_error(f"search policy {policy.name!r} names a node twice in one wave")
    return growths


def _can_grow(growth: Growth, tree: Tree, texts: Collection[str]) -> bool:
    """A known node that is not finished, or that a text makes continue."""
    if growth.behind and growth.behind not in texts:
        return False
    if growth.node == ROOT:
        return not growth.behind
    # The text of a direction is no answer, so nothing continues it.
    if growth.beside or growth.node not in tree.by_id or tree.by_id[growth.node].step == SearchSteps().direction:
        return False
    return growth.behind == "wait" or not tree.by_id[growth.node].finished


def _can_ask(growth: Growth, tree: Tree, questions: Mapping[str, str]) -> bool:
    """Known nodes, or the problem alone where the question shows no node."""
    if "{piece*}" not in questions[growth.behind]:
        return growth.node == ROOT and not growth.beside
    return all(node in tree.by_id for node in (growth.node, *growth.beside))


def draws_of(growths: Sequence[Growth], tree: Tree, steps: SearchSteps) -> list[Draw]:
    """The growths as draws; indices continue after a node's existing children."""
    return [
        Draw(
            tree.problem_id,
            len(tree.children[growth.node]),
            growth.count,
            growth.behind or (steps.first if growth.node == ROOT else steps.following),
            () if growth.node == ROOT else (growth.node, *growth.beside),
        )
        for growth in growths
    ]


def process_draws(problem_id: str, nodes: Iterable[TreeNode], draws: PieceDraws, steps: SearchSteps) -> list[Draw]:
    """Draws that a process requests for new nodes before they are scored."""
    return [
        Draw(problem_id, PROCESS_INDEX, draws.count, steps.process, (node.id,))
        for node in nodes
        if node.step != steps.direction and draws.wanted(node.piece, finished=node.finished)
    ]
