"""Search policies on known graphs: the orders of textbook algorithms, and the exact optimum (the check of a survey of
test-time search, arXiv:2501.10069). A state's successors are drawn in their order, so every algorithm can be written down.
"""

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from random import Random

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.search.kernel import wave_of
from rollmill.pipelines.search.partial import Partial
from rollmill.pipelines.search.policies.beam import Beam
from rollmill.pipelines.search.policies.best_first import BestFirst
from rollmill.pipelines.search.processes.log_prob import LogProb
from rollmill.pipelines.search.tree import SearchPolicy, Tree, TreeNode
from rollmill_reasoning.search.policies.backtracking import Backtracking
from rollmill_reasoning.search.policies.mcts import Mcts

STATES, BRANCHES, START, GOAL = 9, 3, 0, 8
Path = tuple[int, ...]
Score = Callable[[Path], float]


@dataclass
class Graph:
    """A directed graph whose states have three successors each, with costs; a way to the goal always exists."""

    seed: int
    after: dict[int, list[int]] = field(default_factory=dict)
    cost: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = Random(self.seed)
        for state in range(STATES):
            others = [other for other in range(STATES) if other not in (state, state + 1)]
            self.after[state] = rng.sample([*rng.sample(others, BRANCHES - 1), min(state + 1, GOAL)], BRANCHES)
            for other in self.after[state]:
                self.cost[state, other] = 0.2 + rng.random()

    def spent(self, path: Path) -> float:
        return sum(self.cost[one, other] for one, other in zip((START, *path), path, strict=False))

    @cached_property
    def left(self) -> dict[int, float]:
        """The exact cost to the goal from each state, by relaxation."""
        left = {state: 0.0 if state == GOAL else math.inf for state in range(STATES)}
        for _ in range(STATES):
            for (one, other), cost in self.cost.items():
                left[one] = min(left[one], cost + left[other]) if one != GOAL else 0.0
        return left

    def grown(
        self, policy: SearchPolicy, score: Score, ends: Callable[[Path], bool], waves: int = 10_000
    ) -> list[TreeNode]:
        """The nodes in the order in which they are drawn, in at most so many waves; a node's id is its path."""
        nodes: list[TreeNode] = []
        while growths := wave_of(policy, tree := Tree("graph", tuple(nodes))):
            if len(tree.waves) == waves:
                break
            for growth in growths:
                before = path_of(growth.node)
                for at in range(len(tree.children[growth.node]), len(tree.children[growth.node]) + growth.count):
                    state = self.after[before[-1] if before else START][at % BRANCHES]
                    path = (*before, state)
                    cid = name_of(path) + "'" * (at // BRANCHES)
                    depth = len(path)
                    logprob = -self.spent(path)
                    ended, value = ends(path), score(path)
                    nodes.append(TreeNode(cid, growth.node, depth, len(tree.waves), ended, value, 1, depth, logprob, cid))
        return nodes

    def children(self, path: Path) -> Iterator[Path]:
        for state in self.after[path[-1] if path else START]:
            yield (*path, state)


def name_of(path: Path) -> str:
    return "-".join(map(str, path))


def path_of(cid: str) -> Path:
    return tuple(int(state) for state in cid.rstrip("'").split("-")) if cid else ()


def at_goal(path: Path) -> bool:
    return path[-1] == GOAL


def expanded(nodes: list[TreeNode]) -> list[str]:
    """The nodes that have children, in the order in which these were drawn."""
    return list(dict.fromkeys(node.parent for node in nodes))


def a_star(graph: Graph, priority: Callable[[Path], float]) -> tuple[list[str], Path]:
    """The textbook's: the cheapest open path is taken from a heap, and the search ends when that one is at the goal."""
    heap: list[tuple[float, Path]] = [(priority(()), ())]
    order: list[str] = []
    while True:
        _, path = heapq.heappop(heap)
        if path and at_goal(path):
            return order, path
        order.append(name_of(path))
        for longer in graph.children(path):
            heapq.heappush(heap, (priority(longer), longer))


@pytest.mark.parametrize("share", [0.0, 0.9], ids=["uniform cost", "a heuristic below the truth"])
def test_best_first_expands_as_a_heap_does_and_its_first_answer_is_the_optimum(share: float) -> None:
    for seed in range(60):
        graph = Graph(seed)

        def priority(path: Path, graph: Graph = graph) -> float:
            return graph.spent(path) + share * graph.left[path[-1] if path else START]

        policy = BestFirst(expand=BRANCHES, together=1, answers=1, most=20_000, settled=True)
        nodes = graph.grown(policy, lambda path, priority=priority: math.exp(-priority(path)), at_goal)  # type: ignore[misc]
        order, best = a_star(graph, priority)
        assert expanded(nodes) == order
        (voted,) = policy.votes(Tree("graph", tuple(nodes)))
        assert path_of(voted) == best
        assert graph.spent(best) == pytest.approx(graph.left[START])


def test_answers_that_count_as_soon_as_they_are_drawn_may_miss_the_optimum() -> None:
    """The departure of the default: a draw costs, so an answer is not left waiting until nothing better may come."""
    missed = 0
    for seed in range(60):
        graph = Graph(seed)
        policy = BestFirst(expand=BRANCHES, together=1, answers=1)
        nodes = graph.grown(policy, lambda path, graph=graph: math.exp(-graph.spent(path)), at_goal)  # type: ignore[misc]
        found = min(graph.spent(path_of(node.id)) for node in nodes if node.finished)
        missed += found > graph.left[START] + 1e-9
    assert missed >= 5


def test_process_logprob_by_text_makes_best_first_a_uniform_cost_search() -> None:
    process, problem = LogProb(by="text"), Problem("?", "1")
    graph = Graph(3)

    def score(path: Path) -> float:
        (value,) = process.scores(problem, [Partial("", False, len(path), -graph.spent(path))])
        return value

    policy = BestFirst(expand=BRANCHES, together=1, answers=1, most=20_000, settled=True)
    nodes = graph.grown(policy, score, at_goal)
    assert expanded(nodes) == a_star(graph, graph.spent)[0]


def test_at_the_limit_one_answer_is_brought_to_its_end_although_its_score_falls_with_every_piece() -> None:
    policy = BestFirst(expand=BRANCHES, together=1, answers=1, most=30, settled=True)
    nodes = Graph(3).grown(policy, lambda path: 0.5 ** len(path), lambda path: len(path) == 12)
    assert [node.finished for node in nodes].count(True) == 1
    assert len(nodes) < 30 + 12


def test_backtracking_visits_as_a_depth_first_search_does() -> None:
    ended = 0
    for seed in range(40):
        graph, visited = Graph(seed), list[str]()

        def alive(path: Path, seed: int = seed) -> bool:
            return len(path) <= 6 and (at_goal(path) or Random(f"{seed} {path}").random() < 0.6)

        def depth_first(
            path: Path, visited: list[str] = visited, alive: Callable[[Path], bool] = alive, graph: Graph = graph
        ) -> bool:
            for longer in graph.children(path):
                visited.append(name_of(longer))
                if alive(longer) and (at_goal(longer) or depth_first(longer)):
                    return True
            return False

        if depth_first(()):  # where all is dead, the policy begins anew
            policy = Backtracking(answers=1, chains=1, tries=BRANCHES, most=5_000)
            nodes = graph.grown(policy, lambda path, alive=alive: float(alive(path)), at_goal)  # type: ignore[misc]
            assert [node.id for node in nodes] == visited
            ended += 1
    assert ended >= 20


def test_a_beam_keeps_what_a_textbook_beam_keeps() -> None:
    kept = 1
    for seed in range(40):
        graph = Graph(seed)
        score: Score = lambda path, graph=graph: math.exp(-graph.spent(path))  # type: ignore[misc]  # noqa: E731
        nodes = graph.grown(Beam(width=BRANCHES * kept, expand=BRANCHES), score, lambda path: len(path) == 5)
        level, order = list[Path]([()]), list[str]()
        for _ in range(5):
            order += [name_of(path) for path in level]
            below: list[Path] = [longer for path in level for longer in graph.children(path)]
            level = sorted(below, key=score, reverse=True)[:kept]
        assert expanded(nodes) == order


@dataclass
class Branch:
    """A node of the textbook's tree search: its visits, the sum of values, and its children."""

    path: Path
    prior: float = 1.0
    visits: int = 0
    total: float = 0.0
    children: list["Branch"] = field(default_factory=list)


def tree_search(graph: Graph, value: Score, c: float, expansions: int) -> list[str]:
    """Select by PUCT, expand, evaluate the children, back their values up: incremental, with pointers."""
    root, order = Branch(()), list[str]()
    for _ in range(expansions):
        at, way = root, [root]
        while at.children:
            parent = at
            at = max(
                parent.children,
                key=lambda child: (
                    child.total / child.visits + c * child.prior * math.sqrt(parent.visits) / (1 + child.visits)
                ),
            )
            way.append(at)
        order.append(name_of(at.path))
        for path in graph.children(at.path):
            step = graph.cost[(START, *path)[-2], path[-1]]
            child = Branch(path, math.exp(-step))
            at.children.append(child)
            for node in (*way, child):
                node.visits += 1
                node.total += value(path)
    return order


@pytest.mark.parametrize("c", [0.3, 1.5])
def test_a_tree_search_expands_what_textbook_puct_expands(c: float) -> None:
    for seed in range(20):
        graph = Graph(seed)
        value: Score = lambda path, graph=graph: 1 / (1 + graph.left[path[-1]] + graph.spent(path))  # type: ignore[misc]  # noqa: E731
        policy = Mcts(expand=BRANCHES, together=1, most=1_000, c=c)
        nodes = graph.grown(policy, value, lambda _: False, waves=40)
        assert expanded(nodes) == tree_search(graph, value, c, 40)
