"""Choice of the completions that are followed next: a pure function of the steps, the draws and verdicts, and past
requests.

Called once a round over everything that is committed. A completion is followed once by each step; no request is repeated.
Completions count in the order in which they were planned, so groups that are gathered never change.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from rollmill.roles.tallies import Draw
from rollmill.steps.census import Census
from rollmill.steps.graph import Node, StepGraph
from rollmill.steps.step_template import Facts


@dataclass(frozen=True, slots=True)
class Link:
    """A completion of a problem as planned: its step, and those that it follows, in the order of its parents."""

    id: str
    step: str
    after: tuple[str, ...] = ()


Links = Mapping[tuple[str, str], Link]
"""Links by completion and problem."""


def nearest_answer(completion_id: str, problem_id: str, links: Links, answers: Collection[str]) -> str | None:
    """The completion itself where it is of a step whose completions are judged, `answers`, else the nearest before it.

    None if nothing before it is judged, as of the pieces of a search. For a gathered group, the first completion represents
    all.
    """
    link = links[completion_id, problem_id]
    while link.step not in answers:
        if not link.after:
            return None
        link = links[link.after[0], problem_id]
    return link.id


Thread = Mapping[str, str]
"""Step to completion id: one completion and all that it rests on."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A completion that may be followed under the name of a step. `depth`: how often a repeated step stood for it."""

    id: str
    thread: Thread
    depth: int = 0


class Threads:
    """The threads of one problem, from its links in plan order."""

    def __init__(self, graph: StepGraph, links: Sequence[Link]) -> None:
        self._graph = graph
        self._links = {link.id: link for link in links}
        self._made: dict[str, Leaf] = {}
        self.leaves: dict[str, list[Leaf]] = {name: [] for name in graph.nodes}
        for link in links:
            leaf = self.leaf(link.id)
            self.leaves[link.step].append(leaf)
            stands_for = graph.nodes[link.step].stands_for
            # With repeat 2 a third result in a row stands for nothing, so the step does not follow it.
            if stands_for is not None and leaf.depth <= graph.nodes[link.step].step.repeat:
                self.leaves[stands_for].append(self._as(leaf, stands_for))

    def row(self, link: Link) -> tuple[str, str, tuple[str, ...], int]:
        """A completion as a census takes it."""
        return link.id, link.step, link.after, self.leaf(link.id).depth

    def last(self, node: Node, thread: Thread) -> str:
        """The completion planned last among those that the step follows on a thread."""
        if len(node.parents) == 1:
            return thread[node.parents[0]]
        # `_links` is filled in plan order, so the place of a key is that of the completion in the plan.
        return max((thread[parent] for parent in node.parents), key=list(self._links).index)

    def leaf(self, completion_id: str) -> Leaf:
        """A completion with the thread that it ends."""
        # Completions share ancestors, so each leaf is made once.
        if completion_id not in self._made:
            link = self._links[completion_id]
            followed = self._followed(link.step, link.after)
            depth = max((leaf.depth for leaf in followed), default=0)
            repeated = self._graph.nodes[link.step].stands_for is not None
            self._made[completion_id] = Leaf(
                completion_id, {**_union(followed), link.step: completion_id}, depth + repeated
            )
        return self._made[completion_id]

    def before(self, step: str, after: Sequence[str]) -> Thread:
        """Step to completion id, for the ancestors of a completion that its template may name; empty for a step that
        gathers.
        """
        thread, named = _union(self._followed(step, after)), self._graph.nodes[step].named
        return {name: cid for name, cid in thread.items() if name in named}

    def source(self, step: str, after: Sequence[str]) -> str:
        """The completion whose text one of this step is made of: that of the first step whose text its template names."""
        named = [place.name for place in self._graph.nodes[step].places if place.of_a_step and not place.field]
        # A step that gathers has no thread: the first completion of its group stands for all.
        return self.before(step, after).get(named[0], after[0]) if named else after[0]

    def group(self, completion_id: str) -> tuple[str, ...]:
        """The completions from which one was gathered; none for a completion that was not gathered."""
        link = self._links[completion_id]
        return link.after if self._graph.nodes[link.step].step.gather else ()

    def _followed(self, step: str, after: Sequence[str]) -> list[Leaf]:
        """Leaves that a completion of this step follows, with its threads; empty for a step that gathers."""
        node = self._graph.nodes[step]
        if node.step.gather:
            return []
        return [self.under(followed, parent) for parent, followed in zip(node.parents, after, strict=True)]

    def under(self, completion_id: str, name: str) -> Leaf:
        """A followed completion under the name by which it is followed."""
        leaf = self.leaf(completion_id)
        return leaf if self._links[completion_id].step == name else self._as(leaf, name)

    def _as(self, leaf: Leaf, name: str) -> Leaf:
        """A repeated step's completion, attributed to its original step."""
        # What rests on the replaced answer is left out: two critics of the new one would each bring the other's old text.
        before = self._graph.nodes[name].rests_on
        return Leaf(leaf.id, {**{key: cid for key, cid in leaf.thread.items() if key in before}, name: leaf.id}, leaf.depth)


def follow_ups(
    graph: StepGraph,
    problem_id: str,
    links: Sequence[Link],
    known: Mapping[tuple[str, str], Facts],
    census: Census | None = None,
) -> Iterator[Draw]:
    """The draws that follow one problem's committed completions, step by step in the recipe's order, except for a search's.

    `known`, by completion and problem: at least those of the steps that a condition or a field in a template names.
    `census`: also counts the existing completions.
    """
    threads, facts = Threads(graph, links), {link.id: known[link.id, problem_id] for link in links}
    counted = {} if census is None else census.count_drawn(problem_id, [threads.row(link) for link in links], facts)
    for node in graph.follow_ups:
        step = node.step
        if step.searched:
            continue
        followed = {link.after for link in links if link.step == step.name}
        room = None if step.most is None else max(0, step.most - len(followed))
        chosen = _chosen(node, threads, facts)
        if census is not None:
            census.count_candidates(problem_id, step.name, [counted[threads.last(node, thread)] for thread in chosen])
            census.problems[problem_id].groups[step.name] += len(followed)
        for after in _groups(node, chosen):
            # Before the limit: what was followed is subtracted from `room` already.
            if after in followed:
                continue
            if room == 0:
                break
            followed.add(after)
            room = None if room is None else room - 1
            draw = Draw(problem_id, 0, step.count, step.name, after)
            if census is not None:
                census.count_draw(draw, [counted[cid] for cid in after])
            yield draw


def outdated_follow_ups(
    graph: StepGraph, problem_id: str, links: Sequence[Link], known: Mapping[tuple[str, str], Facts]
) -> Iterator[Link]:
    """The follow-ups of one problem whose conditions do not hold, as of texts that were lost and are others now."""
    threads, facts = Threads(graph, links), {link.id: known[link.id, problem_id] for link in links}
    for node in graph.follow_ups:
        if not node.step.searched:
            followed = set(_groups(node, _chosen(node, threads, facts)))
            yield from (link for link in links if link.step == node.step.name and link.after not in followed)


def _chosen(node: Node, threads: Threads, known: Mapping[str, Facts]) -> list[Thread]:
    """Threads that the step may follow: one completion of each parent on one thread, for which its conditions hold."""
    return [
        merged
        for leaves in product(*(threads.leaves[parent] for parent in node.parents))
        if (merged := _merged(leaves)) is not None and _holds(node, merged, known)
    ]


def _groups(node: Node, chosen: Sequence[Thread]) -> Iterator[tuple[str, ...]]:
    """Completions that the step follows together: those of each thread, or a group of one parent's."""
    step, parents = node.step, node.parents
    if not step.gather:
        yield from (tuple(thread[parent] for parent in parents) for thread in chosen)
        return
    ids = [thread[parents[0]] for thread in chosen]
    # Ids that fill no group wait: a later round completes it, and the groups before it stay as they are.
    for start in range(0, len(ids) - step.gather + 1, step.gather):
        yield tuple(ids[start : start + step.gather])


def _union(leaves: Sequence[Leaf]) -> dict[str, str]:
    return {name: cid for leaf in leaves for name, cid in leaf.thread.items()}


def _merged(leaves: Sequence[Leaf]) -> Thread | None:
    """The threads of several leaves as one; None if they rest on different completions of a step."""
    # The union keeps one completion of each step, so a leaf with another one is not contained in it.
    thread = _union(leaves)
    return thread if all(leaf.thread.items() <= thread.items() for leaf in leaves) else None


def _holds(node: Node, thread: Thread, known: Mapping[str, Facts]) -> bool:
    """True if the conditions hold, nothing failed, and every field that the template needs could be read."""
    if any(known[thread[parent]].failed for parent in node.parents):
        return False
    for condition in node.conditions:
        # A field that could not be read is None, which no condition names.
        if known[thread[condition.step]].value(condition.field) not in condition.values:
            return False
    return all(known[thread[place.name]].value(place.field) is not None for place in node.fields_put)
