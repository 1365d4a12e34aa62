"""Budget `search`: a tree of begun answers for each problem, grown where a policy says by what a process scores.

The rounds make the trees (`flows/rounds/planning/search.py`); this budget names their policy and draws the first wave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.rounds import in_order
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.search.kernel import SearchSteps, draws_of, wave_of
from rollmill.pipelines.search.partial import DrawingProcess, JudgedProcess, PieceDraws, Process
from rollmill.pipelines.search.tree import AskingPolicy, SearchPolicy, Tree, WritingPolicy
from rollmill.roles.registries import registry
from rollmill.roles.tallies import RoundPlan, Stop, Tally
from rollmill.steps.graph import StepGraph

SEARCHED = "searched"


@dataclass(frozen=True)
class Search:
    """`policy` and `process`: one method each. A piece ends at `stop`, or after `piece_tokens`.

    `most_tokens`: token limit of one problem's tree; none: the policy's own limit. Rates have no estimate: draws depend on
    scores of earlier draws.
    """

    name: ClassVar[str] = "search"
    version: ClassVar[str] = "1"
    estimator: ClassVar[str] = "none"
    prefix: ClassVar[int] = 0
    nested: ClassVar[Mapping[str, str]] = {"policy": "search policy", "process": "process"}
    policy: Any = "particles"
    """The search policy: a name, or `{method, options}`."""
    process: Any = "lines"
    """The process that values begun answers: a name, or `{method, options}`."""
    stop: str = "\n"
    """Text that ends a piece."""
    piece_tokens: int = 64
    """Most tokens of a piece."""
    most_tokens: int | None = None
    """Most tokens of one problem's tree; none: the policy's own limit."""

    def __post_init__(self) -> None:
        for option, role in self.nested.items():
            known = registry(role)
            given = getattr(self, option)
            built = [known[given]()] if isinstance(given, str) else list(given)
            if len(built) != 1:
                raise SetupError(f"budget 'search' takes one {option}, and has {len(built)}.", choices=tuple(known))
            object.__setattr__(self, option, built)  # the class is frozen
        if self.reads_verdicts and self.process_draws is not None:
            raise SetupError(f"process {self.scored_by.name!r} reads verdicts and draws, and a search does one of them.")
        if not isinstance(self.stop, str) or not self.stop:
            raise SetupError(f"budget 'search': stop is {self.stop!r}, and must be a text, a line's end for one.")
        checked_count("budget", self.name, "piece_tokens", self.piece_tokens)
        if self.most_tokens is not None:
            checked_count("budget", self.name, "most_tokens", self.most_tokens)

    def check_steps(self, graph: StepGraph) -> None:
        """SetupError if a step of the recipe draws answers in addition to the search."""
        own = [name for name in graph.roots if name not in SearchSteps().pieces]
        if own:
            raise SetupError(
                f"step {own[0]!r} follows nothing, and budget 'search' draws the answers itself.",
                next_command=f"a template that names {{{SearchSteps().answer}}}",
            )

    @property
    def grown_by(self) -> SearchPolicy:
        """The policy."""
        policy: SearchPolicy = self.policy[0]
        return policy

    @property
    def scored_by(self) -> Process:
        """The process."""
        process: Process = self.process[0]
        return process

    @property
    def reads_verdicts(self) -> bool:
        """True if the process scores finished answers by their verdicts."""
        return isinstance(self.scored_by, JudgedProcess) and self.scored_by.reads_verdicts

    @property
    def process_draws(self) -> PieceDraws | None:
        """Draws of the process for each piece."""
        return self.scored_by.draws if isinstance(self.scored_by, DrawingProcess) else None

    @property
    def texts(self) -> Mapping[str, str]:
        """Texts that the policy puts into answers, by the step that continues after them."""
        return self.grown_by.texts if isinstance(self.grown_by, WritingPolicy) else {}

    @property
    def questions(self) -> Mapping[str, str]:
        """Questions that the policy asks about nodes, by the step that answers them."""
        return self.grown_by.questions if isinstance(self.grown_by, AskingPolicy) else {}

    def check_fits(self, max_tokens: int) -> None:
        """SetupError if an answer of a policy that ends answers itself would be cut off before."""
        if not isinstance(self.grown_by, WritingPolicy):
            return
        # The policy looks only between pieces, so the last one may pass its limit by a whole piece.
        longest = self.grown_by.longest + self.piece_tokens
        if longest > max_tokens:
            raise SetupError(
                f"search policy {self.grown_by.name!r} ends answers at {self.grown_by.longest} tokens, which a piece may "
                f"exceed by {self.piece_tokens}, and generate.max_tokens cuts them off at {max_tokens}.",
                next_command=f"generate: {{max_tokens: {longest}}}",
            )

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - trees say what round it is
        """The first wave of problems of which nothing is drawn; without its tree a problem goes no further."""
        ordered, steps = in_order(tallies), SearchSteps(first="")
        fresh = [Tree(tally.problem_id) for tally in ordered if not tally.drawn]
        draws = [draw for tree in fresh for draw in draws_of(wave_of(self.grown_by, tree), tree, steps)]
        return RoundPlan(tuple(draws), tuple(Stop(tally.problem_id, SEARCHED) for tally in ordered if tally.drawn))
