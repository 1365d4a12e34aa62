"""Order of checkpoints: how well their rates on a benchmark follow the order in which they were trained.

BOSE (2025) calls a way of evaluating stable if Kendall's tau between training order and score is high along the
checkpoints of one training, since checkpoints improve and only noise reverses their order.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.metrics import pass_rate
from rollmill.stats import rank_agreement
from rollmill.storage.queries.comparisons.sides import Side

ESTIMAND = "Kendall's tau between the order of training and the pass rate"
LEAST = 3


def checkpoint_order(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """A row for each benchmark: Kendall's tau with its interval, and the number of checkpoints with a lower rate than the
    one before.

    `sides`: checkpoints in the order of training. SetupError for fewer than three checkpoints of a benchmark.
    """
    rows = []
    for benchmark in dict.fromkeys(side.benchmark for side in sides):
        rates = [pass_rate(side.counts.judged_only()).estimate for side in sides if side.benchmark == benchmark]
        values = [rate.value for rate in rates if rate is not None]
        if len(values) < LEAST:
            raise SetupError(
                f"{benchmark} has {len(values)} checkpoints with a rate; an order needs {LEAST}.",
                next_command="rollmill leaderboard EVALUATION:FIRST EVALUATION:SECOND EVALUATION:THIRD --checkpoints",
            )
        tau = rank_agreement(range(len(values)), values, estimand=ESTIMAND)
        falls = sum(after < before for before, after in pairwise(values))
        row = {"benchmark": benchmark, "checkpoints": len(values), "falls": falls}
        ends = {} if tau is None else {name: digits(getattr(tau, name)) for name in ("value", "low", "high")}
        rows.append({**row, "tau": ends or None, "why": "" if ends else "all rates are equal"})
    return rows
