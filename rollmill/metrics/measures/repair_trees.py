"""pass@t over repair trees: so many drafts with so many repairs of each wrong one, at the tokens that they take.

A point for each number of drafts and repairs (Olausson et al. 2024, arXiv:2306.09896): its value is the chance that some
program of a tree is right, its `mean_tokens` what a tree takes. Trees are chosen from the stored completions, exactly.
Undecided drafts and repairs are in no tree; a repair of a repair is none of these.
"""

import math
from collections.abc import Sequence
from itertools import product

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES
from rollmill.metrics.counts import UNDECIDED
from rollmill.metrics.sample import MetricValue, Options, Sample
from rollmill.stats import Draft, population_mean, repair_tree_at

_CORRECT, _PENDING = STATES.index("correct"), STATES.index("pending")


def pass_at_trees(sample: Sample, options: Options) -> list[MetricValue]:
    """The points of the curve, by default for powers of two of drafts and repairs up to the least number of any problem."""
    problems = [_drafts(sample, rows.tolist()) for rows in sample.by_problem()]
    most = min(len(drafts) for drafts in problems)
    repaired = min((len(draft.repairs) for drafts in problems for draft in drafts if not draft.right), default=0)
    if not most:
        raise SetupError("Some problem has no judged draft.", next_command="judge them again: rollmill reverify")
    sizes = [1 << power for power in range(most.bit_length())]
    firsts, repairs = options.ks or sizes, options.repairs or (0, *(1 << power for power in range(repaired.bit_length())))
    beyond = next((first for first in firsts if not 1 <= first <= most), None)
    if beyond is not None or min(repairs) < 0:
        raise SetupError(
            f"ks = {beyond}: some problem has {most} judged drafts." if beyond is not None else "repairs below 0.",
            choices=[f"ks from 1 to {most}", f"repairs from 0 to {repaired}"],
            next_command="draw more in the first step",
        )
    return [_point(sample, problems, first, count) for first, count in product(sorted(set(firsts)), sorted(set(repairs)))]


def _point(sample: Sample, problems: Sequence[Sequence[Draft]], first: int, repairs: int) -> MetricValue:
    """A point of the curve; undefined where a wrong draft of some problem has fewer repairs."""
    points = [point for drafts in problems if (point := repair_tree_at(drafts, first, repairs)) is not None]
    setting = {"drafts": first, "repairs": repairs}
    lost = len(problems) - len(points)
    if lost:
        why = f"undefined for {lost} of {len(problems)} problems: some wrong draft has fewer repairs"
        return MetricValue({**setting, "mean_tokens": None}, None, why)
    what = sample.estimand("chance that a repair tree holds a correct completion")
    rate = population_mean([rate for rate, _ in points], sample.clusters, estimand=what)
    return MetricValue({**setting, "mean_tokens": math.fsum(tokens for _, tokens in points) / len(points)}, rate)


def _drafts(sample: Sample, rows: Sequence[int]) -> list[Draft]:
    """The judged drafts of a problem with their judged repairs."""
    pool = sample.pool
    if not pool.repairs:
        raise SetupError(
            "The pool has no repairs.",
            next_command='measure a run or version with steps: open().measure("pass@t", over="trees", run=NAME)',
        )
    drafts = []
    for row in rows:
        repairs = pool.repairs[row]
        if any(repair.outcome == _PENDING for repair in repairs):
            raise SetupError("Some repairs are not judged yet.", next_command="run `rollmill curate` again")
        judged = [(repair.tokens, repair.outcome == _CORRECT) for repair in repairs if repair.outcome < UNDECIDED]
        if any(tokens < 1 for tokens, _ in judged):
            raise SetupError("Some repairs have no token count.", next_command="measure pass@k instead")
        if pool.outcome[row] < UNDECIDED:
            drafts.append(Draft(int(pool.tokens[row]), bool(pool.outcome[row] == _CORRECT), judged))
    return drafts
