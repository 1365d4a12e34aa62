"""Several commands on one recipe and two model servers: doubled work, wall time, and what a rollout costs the ledger.

    python benchmarks/engines/workers.py --rows 8000 --workers 1 3
    python benchmarks/engines/workers.py --rows 8000 --workers 3 --kill     # one of them by kill -9 in the middle

The servers cost nothing and take a quarter of a second a reply, so a single command waits for them most of the time.
`asked` is what the servers counted, `doubled` what they answered beyond the rows; `ledger_rows` are per 1,000 rollouts.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.engines.http_engine import serving
from rollmill.storage.workspace import Workspace

DELAY, SAMPLES, IN_FLIGHT = 0.25, 8, 32
RECIPE = """\
recipe_schema: 1
name: shared
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 256, options: {revision: r1}}
budget: {method: fixed, options: {initial: SAMPLES}}
select: {method: all_correct}
gate: {min_kept: 0}
"""


def main() -> None:
    """Measure and print a JSON object for each number of commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--kill", action="store_true")
    options = parser.parse_args()
    for workers in options.workers:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measured(Path(folder) / "ws", options.rows, workers, kill=options.kill)), flush=True)


def measured(folder: Path, rows: int, workers: int, *, kill: bool) -> dict[str, object]:
    """So many commands on one recipe in a new workspace."""
    Workspace.init(folder).close()
    (folder / "shared.yaml").write_text(RECIPE.replace("SAMPLES", str(SAMPLES)))
    lines = [f'{{"id": "{n}", "prompt": "{n} + {n} = ?", "reference": "{2 * n}"}}\n' for n in range(rows // SAMPLES)]
    (folder / "sums.jsonl").write_text("".join(lines))
    program = [sys.executable, "-m", "rollmill.flows.cli", "--directory", str(folder)]
    subprocess.run([*program, "import", "problems", "sums.jsonl", "--name", "sums"], check=True, stdout=subprocess.DEVNULL)
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(DELAY)) for _ in range(2)]
        servers = "".join(f"  - {{url: {url}, concurrency: {IN_FLIGHT}}}\n" for url in urls)
        (folder / "servers.yaml").write_text(f"servers:\n{servers}")
        began = time.monotonic()
        command = [*program, "curate", "shared.yaml", "--profile", "servers.yaml", "--direct", "--json"]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(workers)]
        if kill:
            while sum(map(completions_asked, urls)) < rows // 3:
                time.sleep(0.05)
            running.pop().kill()
        outcomes = [json.loads(process.communicate()[0]) for process in running]
        seconds, answered = time.monotonic() - began, sum(map(completions_asked, urls))
    return {
        "workers": workers,
        "killed": kill,
        "rows": rows,
        "asked": answered,
        "doubled": answered - rows,
        "drawn": [outcome["spent"]["drawn"] for outcome in outcomes],
        "content": sorted({outcome["content_hash"][:8] for outcome in outcomes}),
        "seconds": round(seconds, 1),
        "drawing_seconds": round(max(outcome["spent"]["seconds"] for outcome in outcomes), 1),
        "ledger_rows": round(ledger_rows(folder) * 1000 / rows, 1),
    }


def completions_asked(url: str) -> int:
    """Number of completions that a server has been asked for."""
    with urllib.request.urlopen(url.replace("/v1", "/count")) as reply:
        return int(reply.read())


def ledger_rows(folder: Path) -> int:
    """Rows in all tables of a workspace's ledger."""
    with closing(sqlite3.connect(folder / ".rollmill" / "ledger.sqlite")) as ledger:
        tables = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sum(ledger.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables)


if __name__ == "__main__":
    main()
