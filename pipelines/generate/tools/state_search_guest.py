"""The search that engine `state_search` appends to a model's program; it runs in the sandbox, on plain Python alone.

The program defines start(problem), successors(state) and is_goal(state), on states that can be hashed. Property tests,
given as check(start, successors, is_goal), fail with an AssertionError before anything is searched.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any


def run_search(
    names: dict[str, Any], problem: str, order: str, most: int, check: Callable[..., None] | None
) -> tuple[str, list[Any]]:
    """The end of the search (`found`, `none`, `limit` or a failed property), and the states to the goal."""
    missing = [name for name in ("start", "successors", "is_goal") if not callable(names.get(name))]
    if missing:
        return f"the program does not define {', '.join(missing)}", []
    start, successors, is_goal = (names[name] for name in ("start", "successors", "is_goal"))
    if check is not None:
        try:
            check(start, successors, is_goal)
        except AssertionError as error:
            return f"a property does not hold: {error}".rstrip(": "), []
    return graph_search(start(problem), successors, is_goal, order, most)


def graph_search(
    first: Any, successors: Callable[[Any], Iterable[Any]], is_goal: Callable[[Any], bool], order: str, most: int
) -> tuple[str, list[Any]]:
    """Breadth first or depth first over different states; sound and complete up to `most` states."""
    parents: dict[Any, Any] = {first: None}
    waiting = deque([first])
    while waiting:
        state = waiting.popleft() if order == "breadth" else waiting.pop()
        if is_goal(state):
            path = [state]
            while path[-1] != first:
                path.append(parents[path[-1]])
            return "found", path[::-1]
        for following in successors(state):
            if following not in parents:
                if len(parents) >= most:
                    return "limit", []
                parents[following] = state
                waiting.append(following)
    return "none", []
