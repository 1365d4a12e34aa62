"""Another tool's own metric functions on given rollouts: metric_functions.py TOOL < rollouts.json, by a Python that has it.

Rollouts are scores (0 or 1) and answers by problem; what comes back is each metric's number by its name.
"""

import json
import sys
from typing import Any

Rows = list[list[Any]]


def lm_eval(scores: Rows, answers: Rows, right: list[str], _: list[int]) -> dict[str, float]:
    """Mean and standard error of the first answers, and its vote over texts; its pass@k asks a hub for the code."""
    from lm_eval.api.metrics import mean, mean_stderr
    from lm_eval.filters.selection import MajorityVoteFilter

    firsts = [row[0] for row in scores]
    elected = [texts[0] for texts in MajorityVoteFilter().apply(answers, [{}] * len(answers))]
    voted = [float(text == truth) for text, truth in zip(elected, right, strict=True)]
    return {"accuracy, first answer": mean(firsts), "stderr, first answer": mean_stderr(firsts), "majority": mean(voted)}


def inspect(scores: Rows, _: Rows, __: list[str], ks: list[int]) -> dict[str, float]:
    """Inspect's reducers over epochs, then accuracy and standard error over problems."""
    from inspect_ai.scorer import SampleScore, Score, accuracy, mean_score, mode_score, pass_at, stderr

    def number(reduce: Any, metric: Any) -> float:
        reduced = [reduce([Score(value="C" if score else "I") for score in row]) for row in scores]
        return float(metric([SampleScore(score=score) for score in reduced]))

    numbers = {f"pass@{k}": number(pass_at(k), accuracy()) for k in ks}
    numbers |= {"accuracy": number(mean_score(), accuracy()), "stderr": number(mean_score(), stderr())}
    return numbers | {"mode of scores": number(mode_score(), accuracy())}


def lighteval(scores: Rows, answers: Rows, right: list[str], ks: list[int]) -> dict[str, float]:
    """lighteval's sampled metrics for each problem, their mean and standard error over problems."""
    import numpy as np
    from lighteval.metrics.metrics_sample import MajAtN, PassAtK
    from lighteval.metrics.utils.stderr import mean_stderr
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.requests import Doc

    n = len(scores[0])
    numbers = {f"pass@{k}": float(np.mean([PassAtK(k=k, n=n).pass_at_k(row) for row in scores])) for k in ks}
    means = [float(np.mean(row)) for row in scores]
    vote = MajAtN(n=n)
    docs = [Doc(query="", choices=[truth], gold_index=0) for truth in right]
    voted = [vote.compute(doc, ModelResponse(text=texts)) for doc, texts in zip(docs, answers, strict=True)]
    numbers |= {"accuracy": float(np.mean(means)), "stderr": float(mean_stderr(means)), "majority": float(np.mean(voted))}
    return numbers


TOOLS = {"lm-eval": lm_eval, "inspect": inspect, "lighteval": lighteval}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print("NUMBERS " + json.dumps(TOOLS[sys.argv[1]](given["scores"], given["answers"], given["right"], given["ks"])))
