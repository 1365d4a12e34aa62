"""How long each page of the dashboard takes over many rollouts: first visit, then again, and what an idle Overview costs.

    python benchmarks/dashboard.py --rollouts 200000

Two models' rollouts are imported into a workspace and judged by `number`, then each page is run as Streamlit runs it, in
this process and without a browser. Times are wall and processor seconds of this process.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from streamlit.testing.v1 import AppTest

from flows import cli
from storage.workspace import Workspace

PAGES = ("overview", "datasets", "problems", "difficulty", "budgets")
PER_PROBLEM = 16
RECIPE = """\
recipe_schema: 1
name: many
problems: {imported: many}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


def main() -> None:
    """Make the workspace, visit every page, print a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5, help="visits after the first")
    parser.add_argument("--workspace", type=Path, help="a workspace to visit instead of a made one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.workspace or made(Path(folder) / "ws", options.rollouts)
        os.environ["ROLLMILL_WORKSPACE"] = str(root)
        for name in PAGES:
            print(json.dumps(visited(name, options.repeats)))


def made(folder: Path, rollouts: int) -> Path:
    """A workspace with so many imported and judged rollouts of two models, a version of them included."""
    Workspace.init(folder).close()
    draw = random.Random(7)
    count = rollouts // PER_PROBLEM
    problems = [
        {"id": f"p{n}", "prompt": f"What is {n} + {n % 97}?", "reference": str(n + n % 97), "level": 1 + n % 8}
        for n in range(count)
    ]
    easy = [draw.random() for _ in range(count)]
    answers = [n + n % 97 + (draw.random() > easy[n]) for n in range(count) for _ in range(PER_PROBLEM)]
    rows = {
        "problem_id": [f"p{place // PER_PROBLEM}" for place in range(len(answers))],
        "model": [("first", "second")[place % 2] for place in range(len(answers))],
        "text": [f"Step {place}: the answer is #### {answer}" for place, answer in enumerate(answers)],
    }
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, problems)))
    pq.write_table(pa.table(rows), folder / "rollouts.parquet")
    (folder / "many.yaml").write_text(RECIPE)
    os.chdir(folder)
    for command in (
        ["import", "problems", "problems.jsonl", "--name", "many"],
        ["import", "rollouts", "rollouts.parquet", "--name", "many", "--problems", "many"],
        ["curate", "many.yaml", "--direct"],
    ):
        if cli.run(command) != 0:
            raise SystemExit(f"{command} failed")
    return folder


def visited(name: str, repeats: int) -> dict[str, float | str]:
    """Seconds of the first visit of a page and of later ones by somebody else: median wall and processor time."""
    script = f"import dashboards.page_{name} as page\nfrom dashboards.scope_choice import guarded\nguarded(page.show)()\n"
    spent = []
    for _ in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        shown = AppTest.from_string(script, default_timeout=600).run()
        if shown.exception or shown.error:
            raise SystemExit(f"{name}: {(shown.exception or shown.code)[0].value}")
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    (first, first_cpu), again = spent[0], spent[1:]
    return {
        "page": name,
        "first s": round(first, 2),
        "first cpu s": round(first_cpu, 2),
        "again s": round(statistics.median(one[0] for one in again), 2),
        "again cpu s": round(statistics.median(one[1] for one in again), 2),
    }


if __name__ == "__main__":
    main()
