"""The search of a run: trees of partial answers, read from committed rows, and the next draws of their policy.

A tree follows from the plans and the stored completions alone, so a resumed command grows the same one. An answer is
finished where the model ended it, or where it is as long as the recipe lets one be; finished ones become completions of the
step `answer`, which are judged.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import whole_problems
from rollmill.flows.rounds.threads import READ_AT_ONCE
from rollmill.ground.errors import SetupError, contract_error
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, PlanRow, Problem
from rollmill.pipelines.budget.search import SEARCHED, Search
from rollmill.pipelines.generate.calls import STOP
from rollmill.pipelines.search.kernel import SearchSteps, draws_of, process_draws, wave_of
from rollmill.pipelines.search.partial import DrawingProcess, Partial
from rollmill.pipelines.search.tree import ROOT, AskingPolicy, Tree, TreeNode
from rollmill.roles.tallies import Draw, RoundPlan, Stop
from rollmill.storage.rollouts import completions_by_id, pair_of
from rollmill.storage.segments.rows import Rows

STEPS = SearchSteps()


@dataclass(slots=True)
class GrownTree:
    """Search tree of one problem. `nodes`: scored nodes by id, in the order of the plan. `answered`: ids of the nodes whose
    answer is planned.

    `pending`: nodes whose process waits for its draws. `said`: answers that the process read from these draws, by node.
    `known`: all answers that it read. `outcomes`: outcomes of finished nodes, for a process that reads verdicts.
    """

    nodes: dict[str, TreeNode] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    waves: int = 0
    pending: dict[str, TreeNode] = field(default_factory=dict)
    said: dict[str, list[str | None]] = field(default_factory=dict)
    known: list[str | None] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)


class RunSearch:
    """The search of an open run whose budget is `search`."""

    def __init__(self, run: OpenRun) -> None:
        if not isinstance(run.spec.budget, Search):
            raise RuntimeError(f"run {run.id} does not search")
        self._run, self._budget = run, run.spec.budget
        self._trees = run.memory.trees

    def note(self, plans: Sequence[Sequence[PlanRow]]) -> None:
        """Take in the rows of these rounds, each round once."""
        for plan in plans[self._run.memory.searched_rounds :]:
            for group in whole_problems(Rows.of("plan", plan).sorted_by("problem_id", "ordinal"), READ_AT_ONCE):
                ids = [row.completion_id for row in group if row.step in (*STEPS.pieces, STEPS.process)]
                texts = completions_by_id(self._run.workspace, {*ids, *self._waiting(group)})
                if self._budget.reads_verdicts:
                    self._take_outcomes(group)
                for problem_id, rows in groupby(group, key=attrgetter("problem_id")):
                    self._add(problem_id, list(rows), texts)
        self._run.memory.searched_rounds = max(self._run.memory.searched_rounds, len(plans))

    def plan(self) -> RoundPlan:
        """The next wave of every problem, and the answers that the last one finished; problems in order of their ids."""
        draws: list[Draw] = []
        stops: list[Stop] = []
        for tree in self.trees():
            # The policy is not asked before the whole wave is scored: its choice depends on all scores.
            if pending := self._grown(tree.problem_id).pending:
                draws += self._wanted(tree.problem_id, pending.values())
                continue
            growths = wave_of(self._budget.grown_by, tree, self._budget.most_tokens)
            draws += [*draws_of(growths, tree, STEPS), *self._answers(tree.problem_id, tree.nodes)]
            if not growths:
                stops.append(Stop(tree.problem_id, SEARCHED, {"nodes": len(tree.nodes), "tokens": tree.tokens}))
        return RoundPlan(tuple(draws), tuple(stops))

    def trees(self) -> Iterator[Tree]:
        """The tree of every problem of the run, of the nodes that are scored."""
        # Sorted: a set of strings has another order in every process, and the plan must not.
        for problem_id in sorted({problem.id for problem in self._run.spec.problems}):
            yield Tree(problem_id, tuple(self._grown(problem_id).nodes.values()), self._run.spec.recipe_seed)

    def _grown(self, problem_id: str) -> GrownTree:
        return self._trees.get(problem_id) or GrownTree()

    def _wanted(self, problem_id: str, pending: Iterable[TreeNode]) -> Iterable[Draw]:
        """Draws without which pending nodes have no score: the process's own, or answers that are judged."""
        piece_draws = self._budget.process_draws
        if piece_draws is None:
            return self._answers(problem_id, pending)
        return process_draws(problem_id, pending, piece_draws, STEPS)

    def _answers(self, problem_id: str, nodes: Iterable[TreeNode]) -> Iterator[Draw]:
        """Draws of the answers that these nodes finish and that are not planned yet."""
        answered = self._grown(problem_id).answered
        for node in nodes:
            if node.finished and node.id not in answered:
                yield Draw(problem_id, 0, 1, STEPS.answer, (node.id,))

    def _waiting(self, rows: Sequence[PlanRow]) -> set[str]:
        """Nodes that wait for draws or verdicts with the others of their wave."""
        return {node for problem_id in {row.problem_id for row in rows} for node in self._grown(problem_id).pending}

    def _take_outcomes(self, rows: Sequence[PlanRow]) -> None:
        """The outcomes of judged answers, each for the node that it ends."""
        answers = [row for row in rows if row.step == STEPS.answer]
        outcomes = self._run.outcomes(answers)
        for row in answers:
            self._trees.setdefault(row.problem_id, GrownTree()).outcomes[row.followed[0]] = outcomes[pair_of(row)]

    def _add(self, problem_id: str, rows: Sequence[PlanRow], texts: Mapping[str, Completion]) -> None:
        """The rows of one round of one problem: pieces, or the process's draws."""
        grown = self._trees.setdefault(problem_id, GrownTree())
        grown.answered.update(row.followed[0] for row in rows if row.step == STEPS.answer)
        pieces = [row for row in rows if row.step in STEPS.pieces]
        process_rows = [row for row in rows if row.step == STEPS.process]
        # Checked before a piece is taken in, so that an error leaves no half-read wave behind.
        lost = next((row for row in (*pieces, *process_rows) if row.completion_id not in texts), None)
        if lost is not None:
            raise RuntimeError(f"completion {lost.completion_id} of round {lost.round} is not drawn yet")
        for row in pieces:
            parent = grown.nodes[row.followed[0]] if row.followed else None
            node = self._node(texts[row.completion_id], parent, grown.waves, row.step)
            grown.pending[node.id] = replace(node, finished=node.finished or row.step == STEPS.end)
        # A round of the process's draws or of answers alone is no wave.
        grown.waves += bool(pieces)
        for row in process_rows:
            self._hear(grown, row.followed[0], texts[row.completion_id])
        if process_rows or not self._must_wait(problem_id, grown):
            self._score(self._run.spec.problem(problem_id), grown, texts)

    def _must_wait(self, problem_id: str, grown: GrownTree) -> bool:
        """True if pending nodes need draws of the process, or verdicts, before they are scored."""
        if self._budget.reads_verdicts:
            return any(node.finished and node.id not in grown.outcomes for node in grown.pending.values())
        piece_draws = self._budget.process_draws
        return piece_draws is not None and bool(process_draws(problem_id, grown.pending.values(), piece_draws, STEPS))

    def _node(self, completion: Completion, parent: TreeNode | None, wave: int, step: str) -> TreeNode:
        """A new node, without its score."""
        anew = parent is None or step in STEPS.anew
        tokens = tokens_of(completion) + (0 if parent is None or anew else parent.path_tokens)
        before = 0.0 if parent is None or anew else parent.path_logprob
        own = completion.logprob_sum
        return TreeNode(
            completion.id,
            ROOT if parent is None else parent.id,
            1 if parent is None else parent.depth + 1,
            wave,
            self._is_finished(completion, tokens, step),
            0.0,
            tokens_of(completion),
            tokens,
            None if own is None or before is None else own + before,
            # A mark is compared within one tree only, so 64 bits are enough.
            digest128(["piece", piece_of(completion)])[:16],
            piece=piece_of(completion),
            step=step,
        )

    def _hear(self, grown: GrownTree, node_id: str, completion: Completion) -> None:
        """Take in what the process reads of a text; `completion`: drawn of this node, or the node itself."""
        process = self._budget.scored_by
        assert isinstance(process, DrawingProcess)
        reading = process.read(completion.text)
        grown.said.setdefault(node_id, []).append(reading)
        grown.known.append(reading)
        if completion.id != node_id:
            node = grown.pending[node_id]
            grown.pending[node_id] = replace(node, process_tokens=node.process_tokens + tokens_of(completion))

    def _score(self, problem: Problem, grown: GrownTree, texts: Mapping[str, Completion]) -> None:
        """The pending nodes with their scores, now that all is drawn for them."""
        for node in [node for node in grown.pending.values() if node.step == STEPS.direction]:
            # A direction is no part of an answer, so the process cannot score it.
            grown.nodes[node.id] = replace(grown.pending.pop(node.id), score=0.5)
        draws = self._budget.process_draws
        if draws is not None and not draws.template:
            # A finished text has no draws: the answer that it gives is read from itself.
            for node in [node for node in grown.pending.values() if node.id not in grown.said]:
                self._hear(grown, node.id, texts[node.id])
        # Copied after the whole wave was read, so that every piece of it is scored on the same answers.
        known = tuple(grown.known)
        partials = [
            Partial(
                texts[node.id].text,
                node.finished,
                node.path_tokens,
                node.path_logprob,
                tuple(grown.said.pop(node.id, ())),
                known,
                grown.outcomes.get(node.id),
            )
            for node in grown.pending.values()
        ]
        for node, score in zip(grown.pending.values(), self._scores(problem, partials), strict=True):
            measured = self._budget.reads_verdicts and node.id in grown.outcomes
            grown.nodes[node.id] = replace(node, score=score, measured=measured)
        grown.pending.clear()

    def _is_finished(self, completion: Completion, tokens: int, step: str = "") -> bool:
        """True if the model ended its answer, met a stop string of the recipe's own, or has no room to continue."""
        if step == STEPS.direction:
            return False
        policy = self._budget.grown_by
        if step == STEPS.rewritten and isinstance(policy, AskingPolicy) and policy.whole:
            return True
        # A piece of no tokens leaves the text as it was: going on from it would never reach the token limit.
        if tokens >= self._run.spec.step(STEPS.answer).sampling.max_tokens or not tokens_of(completion):
            return True
        if completion.finish_reason != "stop":
            return False
        # "": the model ended by itself. None: the engine does not know which stop string ended the piece.
        met = completion.meta.get(STOP, "")
        if met is None:
            raise SetupError(
                f"engine {completion.engine!r} does not say which stop string it met, so a search cannot distinguish a "
                "finished answer from a line.",
                next_command="a server that says stop_reason (vLLM) or matched_stop (SGLang)",
            )
        return bool(met != self._budget.stop)

    def _scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        process = self._budget.scored_by
        scores = list(process.scores(problem, partials)) if partials else []
        if len(scores) != len(partials) or not all(math.isfinite(score) and 0 <= score <= 1 for score in scores):
            raise contract_error(f"process {process.name!r} did not give {len(partials)} numbers from 0 to 1")
        return scores


def tokens_of(completion: Completion) -> int:
    """The tokens that were drawn; 1 if the engine does not count, so that every answer ends."""
    return 1 if completion.tokens_out is None else completion.tokens_out


def piece_of(completion: Completion) -> str:
    """Drawn text of a completion, without the text that it continues."""
    return completion.text[int(completion.meta.get("prefix", 0)) :]
