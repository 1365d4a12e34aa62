"""Other people's graders of mathematics, each as its own harness uses it. Runs in the peers' interpreter without our code.

    PEERS_PYTHON benchmarks/peers/adjudicated_graders.py GRADER < pairs.jsonl > verdicts.jsonl

A line in is {"reference", "answer"}, or {"reference", "text"} for a whole completion. A line out is {"same": true | false |
null, "error": text}; the first line out names the version (or what is missing), the last the CPU seconds of grading.
"""

import asyncio
import importlib.metadata
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

Grade = Callable[[str, str], bool]
_SECONDS = 30


def math_verify() -> tuple[str, Grade]:
    """As its README shows it."""
    from math_verify import parse, verify

    return "math-verify", lambda reference, text: bool(verify(parse(f"${reference}$"), parse(text)))


def hendrycks() -> tuple[str, Grade]:
    """lm-evaluation-harness, task hendrycks_math: string normalisation."""
    from lm_eval.tasks.hendrycks_math.utils import is_equiv

    return "lm_eval", lambda reference, text: bool(is_equiv(reference, unboxed(text)))


def minerva() -> tuple[str, Grade]:
    """lm-evaluation-harness, task minerva_math: normalisation, then sympy."""
    from lm_eval.tasks.minerva_math.utils import is_equiv, normalize_final_answer

    return "lm_eval", lambda reference, text: bool(
        is_equiv(normalize_final_answer(reference), normalize_final_answer(unboxed(text)))
    )


def score() -> tuple[str, Grade]:
    """lm-evaluation-harness, task score_robustness_math (after Qwen2.5-Math's grader).

    It evaluates answers as Python: only for texts that were looked at first.
    """
    from lm_eval.tasks.score.math.math_grader import math_equal, normalize_answer_string

    return "lm_eval", lambda reference, text: bool(math_equal(unboxed(text), normalize_answer_string(reference)))


def inspect() -> tuple[str, Grade]:
    """Inspect's scorer `math`."""
    from inspect_ai.model import ModelName, ModelOutput
    from inspect_ai.scorer import Target, math
    from inspect_ai.solver import TaskState

    scorer, loop = math(), asyncio.new_event_loop()

    def grade(reference: str, text: str) -> bool:
        output = ModelOutput.from_content("m", text)
        state = TaskState(ModelName("mock/m"), "s", 0, "q", [], output=output)
        score = loop.run_until_complete(scorer(state, Target(reference)))
        return bool(score is not None and score.value == "C")

    return "inspect_ai", grade


def lighteval() -> tuple[str, Grade]:
    """lighteval's extractive match, as its MATH-500 task configures it."""
    from lighteval.metrics.dynamic_metrics import (
        ExprExtractionConfig,
        LatexExtractionConfig,
        multilingual_extractive_match_metric,
    )
    from lighteval.tasks.requests import Doc
    from lighteval.utils.language import Language

    metric = multilingual_extractive_match_metric(
        Language.ENGLISH,
        gold_extraction_target=(LatexExtractionConfig(),),
        pred_extraction_target=(ExprExtractionConfig(), LatexExtractionConfig(boxed_match_priority=0)),
        precision=5,
    )

    def grade(reference: str, text: str) -> bool:
        doc = Doc(query="q", choices=[f"${reference}$"], gold_index=0, task_name="t")
        return bool(metric.sample_level_fn([f"${reference}$"], [text], doc))

    return "lighteval", grade


GRADERS: dict[str, Callable[[], tuple[str, Grade]]] = {
    "math-verify": math_verify,
    "lm-eval hendrycks": hendrycks,
    "lm-eval minerva": minerva,
    "lm-eval score": score,
    "inspect": inspect,
    "lighteval": lighteval,
}


def unboxed(text: str) -> str:
    """The inside of a text that is one box, for graders that compare answers; else the text."""
    return text[7:-1] if text.startswith("\\boxed{") and text.endswith("}") else text


def main(name: str) -> None:
    """Grade the lines of the standard input."""
    logging.disable(logging.CRITICAL)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        package, grade = GRADERS[name]()
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=out)
        return
    print(json.dumps({"grader": name, "version": importlib.metadata.version(package)}), file=out)
    signal.signal(signal.SIGALRM, _late)
    judged(grade, {"reference": "1", "answer": "1"})
    seconds = 0.0
    for line in sys.stdin:
        row, started = json.loads(line), time.process_time()
        verdict = judged(grade, row)
        seconds += time.process_time() - started
        print(json.dumps(verdict), file=out)
    print(json.dumps({"cpu_seconds": seconds}), file=out, flush=True)
    os._exit(0)  # some leave threads behind


def judged(grade: Grade, row: dict[str, Any]) -> dict[str, Any]:
    """Verdict of a grader; an exception or a timeout of the grader is its error."""
    signal.alarm(_SECONDS)
    try:
        return {"same": grade(row["reference"], row.get("text") or f"\\boxed{{{row['answer']}}}")}
    except Exception as error:
        return {"same": None, "error": f"{type(error).__name__}: {error}"[:200]}
    finally:
        signal.alarm(0)


def _late(*_: object) -> None:
    raise TimeoutError(f"more than {_SECONDS} s")


if __name__ == "__main__":
    main(sys.argv[1])
