"""Other tools' evaluations for real, and what `rollmill adopt` makes of their logs: their numbers beside ours in one run.

    python benchmarks/numbers/adopt.py                         # every tool that is installed (make peers-eval)
    python benchmarks/numbers/adopt.py --problems 8 --keep tests/flows/adopting/logs    # the logs of the tests anew

Each tool asks the shipped model, behind a server on loopback, the same problems of our templates, four times each, by its
own command line or interface. Then its log is adopted and timed. After that its metric functions get the same rollouts as
ours. ROLLMILL_LM_EVAL, ROLLMILL_INSPECT, ROLLMILL_LIGHTEVAL and ROLLMILL_VERIFIERS name other Pythons that have the tools.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rollmill.flows.adopting import AdoptRequest, adopt
from rollmill.flows.cli.make.adopt import page
from rollmill.ground.pool import STATES, Pool
from rollmill.metrics.logged_scores import Reduction, logged_number
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.storage.workspace import Workspace

PEERS = Path(__file__).resolve().parents[1] / "peers"
PYTHONS = {"lm-eval": "LM_EVAL", "inspect": "INSPECT", "lighteval": "LIGHTEVAL", "verifiers": "VERIFIERS"}
KS = (1, 2, 4, 8)


def python_of(tool: str) -> str | None:
    """The interpreter that has a tool: its variable, else its environment here; None if it is not installed."""
    if tool not in PYTHONS:
        return sys.executable
    path = Path(os.environ.get(f"ROLLMILL_{PYTHONS[tool]}", f".venv-{tool}/bin/python"))
    return str(path.absolute()) if path.is_file() else None


@contextmanager
def model_server() -> Iterator[str]:
    """The address of the shipped model behind OpenAI's interface."""
    process = subprocess.Popen([sys.executable, str(PEERS / "model_server.py")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


def write_problems(folder: Path, count: int) -> None:
    """Problems of the training templates, as every tool reads them."""
    problems = enumerate(Templates(split="train").synthesize(count, 7))
    about = ("prompt", "reference", "level", "template")
    names = ("question", "answer", "level", "template")
    rows = (
        {"id": f"p{at}", **{name: getattr(one, key) for name, key in zip(names, about, strict=True)}}
        for at, one in problems
    )
    folder.mkdir(parents=True)
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def evaluated(tool: str, url: str, folder: Path, count: int) -> Path | None:
    """The log that a tool made, None if it is not installed or failed; what it says goes to a file."""
    python = python_of(tool)
    if python is None:
        print(f"{tool}: not installed (make peers-eval, or ROLLMILL_{PYTHONS[tool]})\n")
        return None
    write_problems(folder, count)
    with (folder / "output.txt").open("w") as output:
        words = [python, str(PEERS / "eval_logs.py"), tool, url, str(folder)]
        done = subprocess.run(words, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        print(f"{tool}: failed; {folder}/output.txt says why\n")
        return None
    return folder / "log"


def adopted(root: Path, tool: str, log: Path) -> None:
    """Adopt a log and print its page with the seconds that it took."""
    began = time.monotonic()
    report = adopt(AdoptRequest(root, log, tool))
    print(f"{page(report)}\nadopted in {time.monotonic() - began:.1f} s\n")


def compare_functions() -> None:
    """The tools' metric functions and ours on the same rollouts, as a table."""
    rng = np.random.default_rng(5)
    drawn = rng.random((200, 8)) < rng.beta(0.6, 0.9, size=200)[:, None]
    answers = [["4" if right else str(rng.integers(5, 8)) for right in row] for row in drawn.tolist()]
    given = {"scores": drawn.astype(float).tolist(), "answers": answers, "right": ["4"] * 200, "ks": list(KS)}
    ours = our_numbers(drawn, answers)
    print("| tool | metric | its number | ours | difference |\n|---|---|---|---|---|")
    for tool in ("lm-eval", "inspect", "lighteval"):
        if (python := python_of(tool)) is None:
            continue
        words = [python, str(PEERS / "metric_functions.py"), tool]
        done = subprocess.run(words, input=json.dumps(given), capture_output=True, text=True, check=False)
        line = next((line for line in done.stdout.splitlines() if line.startswith("NUMBERS ")), None)
        if line is None:
            print(f"| {tool} | failed: {done.stderr.strip().splitlines()[-1:]} | | | |")
            continue
        for name, value in json.loads(line.removeprefix("NUMBERS ")).items():
            mine = ours[name]
            print(f"| {tool} | {name} | {value:.12f} | {mine:.12f} | {abs(value - mine):.1e} |")
    tied = sum(list(Counter(row).values()).count(max(Counter(row).values())) > 1 for row in answers)
    print(f"\n{tied} of {len(answers)} problems have several answers that are equally frequent")


def our_numbers(drawn: Any, answers: list[list[str]]) -> dict[str, float]:
    """The same metrics by `measure`; what we have no metric for by the other tool's rule."""
    problems, samples = drawn.shape
    texts = sorted({text for row in answers for text in row})
    nothing, none = np.zeros(drawn.size, dtype=np.int64), np.full(drawn.size, -1)
    pool = Pool(
        problems=tuple(f"p{at}" for at in range(problems)),
        strata={"template": (None,) * problems},
        problem=np.repeat(np.arange(problems), samples),
        completion=np.arange(drawn.size),
        index=np.tile(np.arange(samples), problems),
        outcome=np.where(drawn.ravel(), STATES.index("correct"), STATES.index("incorrect")),
        in_prefix=np.ones(drawn.size, dtype=bool),
        step=nothing,
        kept=none,
        reason=none,
        model=nothing,
        answer=np.array([texts.index(text) for row in answers for text in row]),
        tokens=none,
        models=("m",),
        answers=tuple(texts),
    )

    def value(metric: str, k: int, part: Pool = pool) -> float:
        measured = measure(part, metric, Options(ks=(k,)))[0].value
        assert measured is not None
        return measured

    scores = drawn.astype(float).tolist()
    spread = {name: logged_number(scores, reduction, "stderr") for name, reduction in (("stderr", Reduction("mean")),)}
    first = logged_number(scores, Reduction("mean", first=1), "stderr")
    mode = logged_number(scores, Reduction("mode"), "mean")
    return {
        **{f"pass@{k}": value("pass@k", k) for k in KS},
        "accuracy": value("pass@k", 1),
        "accuracy, first answer": value("pass@k", 1, pool.measured(1)),
        "majority": value("maj@k", samples),
        "stderr": spread["stderr"] or 0.0,
        "stderr, first answer": first or 0.0,
        "mode of scores": mode or 0.0,
    }


def main() -> None:
    """Evaluate, adopt, print; then the functions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="put the logs into this folder, a folder for each tool")
    parser.add_argument("--functions", action="store_true", help="only the metric functions")
    options = parser.parse_args()
    if not options.functions:
        with tempfile.TemporaryDirectory() as place, model_server() as url:
            root = Path(place) / "workspace"
            Workspace.init(root).close()
            for tool in (*PYTHONS, "nemo-skills"):
                log = evaluated(tool, url, Path(place) / tool, options.problems)
                if log is not None:
                    adopted(root, tool, log)
                    if options.keep:
                        shutil.copytree(log, options.keep / tool.replace("-", "_"), dirs_exist_ok=True)
    compare_functions()


if __name__ == "__main__":
    main()
