"""Report of each step of a run: model and sampling, rollouts by outcome, kept rollouts, tokens, rates.

Rates are over the completions that a step drew before any verdict on that step: the first `initial` of every problem on
the first step, and the first `entry` of each routed problem on a later step. Steps are never pooled. The rate of a
follow-up step is conditional on the completions that it followed: it is over all its draws, with a table of the outcomes
before and after. Where the budget routes by agreement, the vote over all answers is reported too. The vote never uses the
reference; only its score does.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rollmill.flows.curation.metrics import step_rates
from rollmill.flows.rounds.plan_rows import links_of, of_steps, together
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.threads import READ_AT_ONCE
from rollmill.ground.pool import STATES, Pool
from rollmill.ground.recipe_steps import IMPORTED
from rollmill.ground.records import PlanRow
from rollmill.metrics import PassAtLimit, funnel_of
from rollmill.pipelines.verify.acceptance import accepted_verdict
from rollmill.roles.protocols import RoutingBudget
from rollmill.stats import vote, weighted_vote
from rollmill.steps.follow import Link, nearest_answer
from rollmill.steps.graph import Node
from rollmill.steps.reading import ReadCounts, unmet_words
from rollmill.storage.rollouts import Pair, pair_of
from rollmill.storage.segments.rows import Rows

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun, RunSpec
    from rollmill.flows.sampling.steps import Step


def fingerprint_of(run: "OpenRun") -> dict[str, str]:
    """Fingerprints of all engines that may draw: the facts that decide whether texts are equal."""
    return {
        f"{step.name}.{key}" if step.name else key: value
        for step in run.spec.drawing
        for key, value in run.engine(step.name).fingerprint().items()
    }


def steps_of(run: "OpenRun", pool: Pool, decisions: pa.Table, limit: PassAtLimit) -> dict[str, Any]:
    """The manifest's part about steps; nothing for a recipe without them."""
    if not run.spec.names:
        return {}
    followed = _FollowUps(run, decisions)
    rows = [{**_step(run, step, pool, limit), **_follow_up(followed, step)} for step in run.spec.steps]
    budget = run.spec.budget
    voted = isinstance(budget, RoutingBudget) and budget.rule == "agreement"
    return {"steps": rows, **({"vote": _vote_row(run)} if voted else {})}


def _step(run: "OpenRun", step: "Step", pool: Pool, limit: PassAtLimit) -> dict[str, Any]:
    # A step without rows is not in the pool, and -1 matches none.
    mine = pool.where(pool.step == (pool.steps.index(step.name) if step.name in pool.steps else -1))
    funnel, distinct = funnel_of(mine), np.unique(mine.completion, return_index=True)[1]
    return {
        "name": step.name,
        **_how_asked(run, step),
        "problems": len(np.unique(mine.problem)),
        "drawn": funnel.planned,
        **funnel.outcomes(),
        "kept": funnel.kept,
        # A completion that answers two problems was drawn once.
        "tokens_out": int(mine.tokens[distinct].clip(min=0).sum()),
        "rates": step_rates(_by_success(pool, step), prefix=_prefix(run.spec, step), step=step.name, limit=limit),
    }


def _how_asked(run: "OpenRun", step: "Step") -> dict[str, Any]:
    """Engine, model, template and sampling of a step."""
    template = {"template": step.form.template if step.node.plain else step.node.step.template}
    if step.generator is None:
        return {"engine": IMPORTED, **template}
    engine, sampling = run.engine(step.name), step.sampling
    return {
        "engine": engine.engine,
        "model": engine.model,
        "model_digest": engine.model_digest,
        **template,
        **{name: None if name in sampling.unsent else getattr(sampling, name) for name in ("temperature", "max_tokens")},
    }


def _by_success(pool: Pool, step: "Step") -> Pool:
    """The step's rollouts; of one that wants another outcome than `correct`, as if that one were."""
    place = pool.steps.index(step.name) if step.name in pool.steps else -1
    mine = pool.where(pool.step == place) if step.follows else pool
    if step.node.step.want == "correct":
        return mine
    wanted, correct = (STATES.index(name) for name in (step.node.step.want, "correct"))
    # Exchanged and not overwritten: a right answer is the failure of a step that wants another.
    swapped = np.where(mine.outcome == wanted, correct, np.where(mine.outcome == correct, wanted, mine.outcome))
    return replace(mine, outcome=swapped)


def _follow_up(followed: "_FollowUps", step: "Step") -> dict[str, Any]:
    """Further facts of a follow-up or unjudged step: its parents, unmet conditions, and outcomes before and after."""
    if not step.follows and step.node.step.role == "answer":
        return {}
    rule = step.node.step
    unmet = followed.unmet(step.node)
    facts = {
        "follows": list(step.node.parents),
        "role": rule.role,
        "sees_label": step.node.sees_label,
        **({"readable": followed.counts(step.name).counts} if step.node.reads else {}),
        **({"unmet": unmet} if unmet else {}),
    }
    if rule.role != "answer":
        return {**facts, **followed.drawn(step.name)}
    return {**facts, "want": rule.want, "transitions": followed.transitions(step.name)}


class _FollowUps:
    """The planned rows of a run and their decisions, read once for all its steps."""

    def __init__(self, run: "OpenRun", decisions: pa.Table) -> None:
        self._run, self._decisions = run, decisions
        self._counts: dict[str, ReadCounts] = {}
        self._answers = frozenset(step.name for step in run.spec.steps if run.spec.judged(step.name))

    @cached_property
    def _rows(self) -> Rows[PlanRow]:
        return together(all_plans(self._run))

    @cached_property
    def _links(self) -> dict[Pair, Link]:
        return links_of(self._rows)

    @cached_property
    def _outcomes(self) -> dict[Pair, str]:
        columns = (self._decisions[name].to_pylist() for name in ("completion_id", "problem_id", "outcome"))
        return {(completion, problem): outcome for completion, problem, outcome in zip(*columns, strict=True)}

    def drawn(self, step: str) -> dict[str, Any]:
        """The completions of an unjudged step, each once."""
        rows, ids = of_steps(self._rows, [step]), self._ids(step)
        tokens = self._run.workspace.segments.column("completions", "tokens_out", ids)
        problems = len(set(rows.column("problem_id").to_pylist()))
        return {"problems": problems, "drawn": len(rows), "tokens_out": sum(count or 0 for count in tokens.values())}

    def _ids(self, step: str) -> list[str]:
        return sorted(set(of_steps(self._rows, [step]).column("completion_id").to_pylist()))

    def counts(self, step: str) -> ReadCounts:
        """Number of the step's completions, each once, in which each field can be read."""
        if step not in self._counts:
            node, graph = self._run.spec.step(step).node, self._run.spec.graph
            read = {} if node is None else node.reads
            ids, counts = self._ids(step), ReadCounts(read, graph.compared(step) if graph is not None else ())
            # In parts, because all texts of a step may not fit into memory.
            for first in range(0, len(ids) if read else 0, READ_AT_ONCE):
                texts = self._run.workspace.segments.column("completions", "text", ids[first : first + READ_AT_ONCE])
                for text in texts.values():
                    counts.add(text)
            self._counts[step] = counts
        return self._counts[step]

    def unmet(self, node: Node) -> list[str]:
        """Sentences on the unmet conditions of a step that was therefore never drawn."""
        # A step that was drawn had its conditions met at least once.
        if not node.conditions or self._ids(node.step.name):
            return []
        conditions = [(condition, self.counts(condition.step)) for condition in node.conditions]
        return [
            unmet_words(condition.step, condition.field, condition.values, values, counts.texts)
            for condition, counts in conditions
            if (values := counts.unmet(condition.field, condition.values)) is not None
        ]

    def transitions(self, step: str) -> dict[str, dict[str, int]]:
        """Counts of a step's outcomes by the outcome of the answer that it followed."""
        table: Counter[tuple[str, str]] = Counter()
        for row in of_steps(self._rows, [step]):
            before = self._answer_before(row)
            if before is not None:  # the answer of a search rests on pieces that nobody judged
                table[self._outcomes[before, row.problem_id], self._outcomes[pair_of(row)]] += 1
        counts: dict[str, dict[str, int]] = {}
        for (before_outcome, outcome), count in sorted(table.items()):
            counts.setdefault(before_outcome, {})[outcome] = count
        return counts

    def _answer_before(self, row: PlanRow) -> str | None:
        start = row.followed[0] if row.after else row.completion_id
        return nearest_answer(start, row.problem_id, self._links, self._answers)


def _prefix(spec: "RunSpec", step: "Step") -> int | None:
    """The completions of a problem on this step that no verdict on it decided."""
    if step.follows:
        return None
    entry = spec.budget.entry if isinstance(spec.budget, RoutingBudget) else None
    return spec.prefix if entry is None or spec.place(step.name) == 0 else entry


def _vote_row(run: "OpenRun") -> dict[str, Any]:
    """Rate at which the voted answer is correct, plain and weighted."""

    spec, plans = run.spec, run.workspace.runs.plans(run.id)
    # Ties go by the earliest step and then by the first answer, so the order of the rows counts.
    rows = sorted((row for plan in plans for row in plan), key=lambda row: (spec.place(row.step), row.sample_index))
    accept = partial(accepted_verdict, spec.accept, run.verifiers.chain)
    pool = run.reader().pool(spec.problems, rows, accept)
    answers: dict[int, dict[int, list[int | None]]] = {}
    right: dict[int, set[int]] = {}
    columns = (pool.problem, pool.step, pool.answer, pool.has("correct"))
    for problem, step, answer, correct in zip(*(column.tolist() for column in columns), strict=True):
        key = None if answer < 0 else answer
        answers.setdefault(problem, {}).setdefault(step, []).append(key)
        if correct and key is not None:
            right.setdefault(problem, set()).add(key)
    elected = {name: _score(answers, right, poll) for name, poll in (("plain", vote), ("weighted", weighted_vote))}
    return {"problems": len(answers), "voters": len(rows), **elected}


def _score(answers: Mapping[int, Mapping[int, Any]], right: Mapping[int, set[int]], poll: Any) -> dict[str, Any]:
    elected = {problem: poll(list(by_step.values())) for problem, by_step in answers.items()}
    correct = sum(answer is not None and answer in right.get(problem, ()) for problem, answer in elected.items())
    silent = sum(answer is None for answer in elected.values())
    return {"correct": correct, "no_answer": silent, "share": correct / len(elected)}
