"""Accuracy of search policies at equal tokens, on unseen problems of levels 5 to 8 with the shipped model.

    python benchmarks/engines/search.py --n 16 [--problems 160] [--policy particles ...] [--process lines ...] [--out FILE]

Each policy runs as a recipe would have it run, in a workspace that is thrown away. Against each stands what the same tokens
buy without a search: whole answers drawn until they have cost, problem by problem, what its tree cost, of which the
majority counts, or the one that the same process finds best. `inverted` is the process with 15% of the steps of the
problems scored the other way round. Intervals are exact binomial ones over problems; tokens are those that were drawn,
dead ends included.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from benchmarks.fixed_run import opened
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.rounds import QueueLimits, RunSpec, run_all
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.flows.sampling.steps import Step
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, requests_for
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.tools.compose import Compose
from rollmill.pipelines.search.election import heaviest
from rollmill.pipelines.search.partial import Partial, Process
from rollmill.pipelines.search.tree import Tree
from rollmill.pipelines.select import SELECTORS
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.pipelines.verify.extract import final_answer
from rollmill.roles.protocols import Budget
from rollmill.roles.registries import registry
from rollmill.stats import clopper_pearson
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.storage.rollouts import completions_by_id
from rollmill.storage.workspace import Workspace

MODEL = "models/rollmill-tiny"
LONGEST = 160  # tokens of an answer
MORE = 32  # whole answers that are drawn at a time
SHARE = 0.15  # of the steps of the problems, inverted


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: what it says, how good the process finds it, what it cost."""

    key: str | None
    score: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Row:
    """Row of the table: `right` of `problems`, with the 95% interval; `tokens` of a problem."""

    method: str
    process: str
    n: int
    problems: int
    right: int
    low: float
    high: float
    tokens: float
    seconds: float = 0.0


class Inverted:
    """A process that is wrong about 15% of the steps of problems, for all texts that come to such a step."""

    name, version = "inverted", "1"

    def __init__(self, inner: Process) -> None:
        self._inner = inner

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """The other's, or one minus it."""
        scores = self._inner.scores(problem, partials)
        return [
            1.0 - score if self._is_wrong(problem, one.text.count("\n")) else score
            for one, score in zip(partials, scores, strict=True)
        ]

    def _is_wrong(self, problem: Problem, step: int) -> bool:
        return int(digest128(["inverted", problem.id, step])[:8], 16) / 2**32 < SHARE


def unseen(count: int) -> list[Problem]:
    """Problems of levels 5 to 8 whose templates the model was trained on and whose numbers it never saw."""
    return list(Templates(split="heldout", levels=(5, 6, 7, 8)).synthesize(count, 11))


def answer_key(text: str) -> str | None:
    """Answer at the end of a text; None without one."""
    answer = final_answer(text)
    return None if answer is None else str(getattr(answer, "text", answer)).strip()


def graph_of(budget: Search) -> StepGraph:
    """The steps of a search."""
    goes_on: dict[str, Any] = {"turn": "continue", "role": "step", "raw": True, "searched": True}
    rules = [StepRule("piece", role="step", searched=True), StepRule("next", "{piece}", **goes_on)]
    rules += [StepRule(name, "{piece}" + text, **goes_on) for name, text in budget.texts.items()]
    if budget.process_draws is not None:
        rules.append(StepRule("process", "{piece}", **goes_on))
    return StepGraph([*rules, StepRule("answer", "{piece}", raw=True, searched=True)])


def searched(problems: Sequence[Problem], policy: str, options: Mapping[str, Any], process: Process) -> "Searched":
    """The trees of all problems, and the texts of their finished answers."""
    piece, whole_answer, engine = (
        Sampling(max_tokens=64, stop=("\n",)),
        Sampling(max_tokens=LONGEST),
        partial(Embedded, MODEL),
    )
    budget = Search(policy=[registry("search policy")[policy](**options)], process=[process])
    graph = graph_of(budget)
    if budget.texts:  # such a policy ends answers itself
        whole_answer = Sampling(max_tokens=2 * LONGEST)
    steps = [
        Step(
            node,
            engine if name != "answer" else Compose,
            whole_answer if name in ("answer", "process") else piece,
            batch_size=1_024,
        )
        for name, node in graph.nodes.items()
    ]
    spec = RunSpec(
        problem_set=RecipeProblems.of(problems),
        verifiers=(VERIFIERS["number"],),
        budget=cast("Budget", budget),  # its name is a class variable
        selector=SELECTORS["all_correct"](),
        steps=steps,
        limits=QueueLimits(),
    )
    began = spent()
    with tempfile.TemporaryDirectory() as folder, Workspace.init(Path(folder)) as ws, opened(ws, spec, "search") as run:
        ws.runs.open(run.id, name=run.id, recipe={}, recipe_hash="")
        run_all(run)
        search = RunSearch(run)
        search.note(all_plans(run))
        grown = {tree.problem_id: tree for tree in search.trees()}
        trees = [grown[problem.id] for problem in problems]
        ids = [node.id for tree in trees for node in tree.finished]
        texts = {cid: one.text for cid, one in completions_by_id(ws, ids).items()}
    return Searched(trees, texts, registry("search policy")[policy](**options), spent() - began)


@dataclass(frozen=True)
class Searched:
    """Result of a search. `seconds`: of the processor."""

    trees: Sequence[Tree]
    texts: Mapping[str, str]
    policy: Any
    seconds: float

    def elected(self) -> list[str | None]:
        """The answer of each problem that has the most votes, equal ones by their order."""
        return [
            heaviest((answer_key(self.texts[node]), weight) for node, weight in self.policy.votes(tree).items())
            for tree in self.trees
        ]

    @property
    def tokens(self) -> list[int]:
        """Tokens by tree."""
        return [tree.tokens for tree in self.trees]


def spent() -> float:
    """Processor seconds of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class WholeAnswers:
    """Whole answers to each problem, scored at their ends: drawn when they are needed, the same ones in each run."""

    def __init__(self, problems: Sequence[Problem], process: Process) -> None:
        self._problems, self._process = problems, process
        self._answers: list[list[Answer]] = [[] for _ in problems]

    def paid_by(self, costs: Sequence[int]) -> list[Sequence[Answer]]:
        """Of each problem the first answers that so many tokens pay for."""
        while short := [
            at for at, mine in enumerate(self._answers) if sum(completion.tokens for completion in mine) < costs[at]
        ]:
            self._draw(short)
        return [within(mine, cost) for mine, cost in zip(self._answers, costs, strict=True)]

    def _draw(self, short: Sequence[int]) -> None:
        """Some more to each of these problems."""
        engine = Embedded(MODEL)
        origin = Origin(engine.engine, engine.model_digest, "curate", 1)
        requests = {at: list(self._requests(at, engine, origin)) for at in short}
        drawn = {
            completion.id: completion
            for completion in engine.generate([completion for mine in requests.values() for completion in mine])
        }
        engine.close()
        for at, mine in requests.items():
            rows = [drawn[request.completion_id] for request in mine]
            self._answers[at] += _answers(self._problems[at], rows, self._process)

    def _requests(self, at: int, engine: Embedded, origin: Origin) -> Iterator[Request]:
        """The next ones to one problem."""
        problem, had = self._problems[at], len(self._answers[at])
        rendered, sampling = engine.render(problem.prompt), Sampling(max_tokens=LONGEST)
        return requests_for(problem, rendered, sampling, origin, range(had, had + MORE))


def _answers(problem: Problem, rows: Sequence[Completion], process: Process) -> list[Answer]:
    scores = process.scores(problem, [whole(completion) for completion in rows])
    return [
        Answer(answer_key(completion.text), score, completion.tokens_out or 0)
        for completion, score in zip(rows, scores, strict=True)
    ]


def whole(one: Completion) -> Partial:
    """An answer as a process is given it."""
    return Partial(one.text, finished=True, tokens=one.tokens_out or 0, logprob=one.logprob_sum)


def within(answers: Sequence[Answer], tokens: int) -> Sequence[Answer]:
    """The first answers that these tokens pay for, at least one; the last counts where its greater half is paid."""
    spent, taken = 0, 0
    while taken < len(answers) and spent + answers[taken].tokens / 2 <= tokens:
        spent, taken = spent + answers[taken].tokens, taken + 1
    return answers[: max(1, taken)]


def best(answers: Sequence[Answer]) -> str | None:
    """Answer with the best score; equal scores vote."""
    top = max(answer.score for answer in answers)
    return heaviest((answer.key, 1.0) for answer in answers if answer.score == top)


def row(
    names: tuple[str, str, int], problems: Sequence[Problem], said: Sequence[str | None], tokens: Sequence[float]
) -> Row:
    """A line: how many of the problems an answer is right for."""
    right = sum(answer is not None and answer == problem.reference for answer, problem in zip(said, problems, strict=True))
    share = clopper_pearson(right, len(problems))
    assert share is not None
    return Row(*names, len(problems), right, share.low, share.high, sum(tokens) / len(tokens))


def options_of(policy: str, n: int) -> dict[str, Any]:
    """A policy that draws about `n` pieces a wave, or as many in all as `n` answers have (six each)."""
    if policy in ("beam", "diverse_beam"):
        return {"width": n}
    if policy == "lookahead":
        return {"width": n // 2}
    if policy == "backtracking":
        return {"answers": n, "chains": n, "most": 6 * n}
    if policy == "best_first":
        return {"together": n // 4, "answers": n, "most": 6 * n}
    return {"together": n // 4, "most": 6 * n} if policy == "mcts" else {"n": n}


def compared(
    problems: Sequence[Problem],
    n: int,
    methods: tuple[Sequence[str], Sequence[str]],
    answers: WholeAnswers,
) -> list[Row]:
    """Each policy with each process, behind it what the same tokens buy; `methods`: policies and processes."""
    rows: list[Row] = []
    for process in methods[1]:
        for policy in methods[0]:
            result = searched(problems, policy, options_of(policy, n), process_of(process))
            measured = row((policy, process, n), problems, result.elected(), result.tokens)
            rows.append(Row(**{**asdict(measured), "seconds": result.seconds}))
            paid = answers.paid_by(result.tokens)
            costs = [sum(completion.tokens for completion in mine) for mine in paid]
            if process != "inverted":
                rows.append(row(("  majority", "", n), problems, [heaviest((a.key, 1.0) for a in m) for m in paid], costs))
                rows.append(row(("  best of n", "lines", n), problems, [best(mine) for mine in paid], costs))
            for new_row in rows[-1 if process == "inverted" else -3 :]:
                sys.stderr.write(f"{new_row}\n")
    return rows


def process_of(name: str) -> Process:
    """A process by its name; `inverted` is `lines`, wrong about 15% of the steps."""
    known = registry("process")
    return Inverted(known["lines"]()) if name == "inverted" else known[name]()


def main() -> None:
    """The table, and with --out its rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[16])
    parser.add_argument("--problems", type=int, default=160)
    parser.add_argument("--policy", nargs="+", default=["particles", "beam"])
    parser.add_argument("--process", nargs="+", default=["lines", "inverted"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    problems = unseen(options.problems)
    rows: list[Row] = []
    answers = WholeAnswers(problems, registry("process")["lines"]())
    for n in options.n:
        rows += compared(problems, n, (options.policy, options.process), answers)
    sys.stdout.write("policy              process      n  right  of    share  95% interval   tokens  cpu s\n")
    for row in rows:
        interval = f"{row.low:.3f}-{row.high:.3f}"
        sys.stdout.write(
            f"{row.method:19} {row.process:9} {row.n:4} {row.right:6} {row.problems:4} {row.right / row.problems:7.3f}"
            f"  {interval:13} {row.tokens:7.0f} {row.seconds:6.0f}\n"
        )
    if options.out is not None:
        options.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
