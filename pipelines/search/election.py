"""Election of a search's answer: the one whose finished texts have the most votes of the policy."""

from collections.abc import Iterable, Mapping

from rollmill.ground.errors import SetupError
from rollmill.pipelines.search.partial import JudgedProcess, Process
from rollmill.pipelines.search.tree import SearchPolicy, Tree


def elected(policy: SearchPolicy, process: Process, tree: Tree, answers: Mapping[str, str | None]) -> str | None:
    """The answer with the most weight, the first if several are equal; None without votes.

    `answers`: what each finished text says, by node; a text without an answer has no vote. SetupError if the process reads
    verdicts: such an election would choose the right answer because it was told.
    """
    if isinstance(process, JudgedProcess) and process.reads_verdicts:
        raise SetupError(
            f"process {process.name!r} reads verdicts, so the votes of its search elect no answer.",
            next_command="a process that sees no label: lines, rollouts or reward_model",
        )
    return heaviest((answers.get(node), weight) for node, weight in policy.votes(tree).items())


def heaviest(votes: Iterable[tuple[str | None, float]]) -> str | None:
    """The answer with the most weight, of equal ones the first; None votes for nothing."""
    weights: dict[str, float] = {}
    for key, weight in votes:
        if key is not None:
            weights[key] = weights.get(key, 0.0) + weight
    return max(weights, key=lambda key: weights[key]) if weights else None
