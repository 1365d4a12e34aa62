"""Latency of the dashboard's pages in a browser as a table, with memory and idle processor time of its server.

    python benchmarks/runs/dashboard.py --workspace FOLDER --page docs/reference/latency.md

The workspace is that of `benchmarks/runs/dashboard_workspace.py`; it is made where the folder does not exist, and kept.
The page explains the columns. Pages come in the order of the menu, so that what one has read serves the next ones;
`--at-once` does not wait until the server has prepared what it computes beforehand. Processor seconds hardly depend on
the machine's other work.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Page

from benchmarks.runs.dashboard_visits import (
    ROOT,
    STROLL,
    chromium,
    idle_minute,
    later,
    megabytes,
    processor_seconds,
    seconds,
    serving,
    until_idle,
)
from benchmarks.runs.dashboard_workspace import add_ended_runs, build_workspace
from rollmill.storage.queries import Reader, datasets, named_scope, runs

ABOUT = """\
# Latency of the dashboard

Seconds until the content of a page shows in headless Chromium, over {rollouts:,} imported rollouts and {versions} versions.
Written by `benchmarks/runs/dashboard.py`.

- cold: first visit after the server has prepared what it computes beforehand
- new tab: the same address loaded again
- first: slowest first use of a filter, another model, a problem or the next page
- p50, p95: later visits
- two tabs: p95 while a second tab opens another page each second
- writing: p95 while a run writes
- CPU cold, CPU first: processor seconds of the server
"""
COLUMNS = ("cold", "new tab", "first", "p50", "p95", "two tabs", "writing", "CPU cold", "CPU first")
Row = dict[str, float]
LIVE_SECONDS = 3_600  # that a run which writes would take
SLOW = """\
import time
from rollmill.pipelines.verify.number import NumberVerifier

class Slow(NumberVerifier):
    name = "slow"
    def verify(self, problem, completion):
        time.sleep({pause})
        return super().verify(problem, completion)
    def verify_many(self, items):
        return (self.verify(*item) for item in items)
"""


def main() -> None:
    """Make or take the workspace, visit every page in four ways, leave tabs open; print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="made where it is not there, and kept")
    parser.add_argument("--rollouts", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--runs", type=int, default=0, help="further ended runs, in the ledger alone")
    parser.add_argument("--repeats", type=int, default=5, help="visits of each address after the first")
    parser.add_argument("--pages", nargs="*", help="these pages alone")
    parser.add_argument("--idle", type=int, default=60, help="seconds that a tab is left open")
    parser.add_argument("--page", type=Path, help="write the tables to this page of the documentation too")
    parser.add_argument("--at-once", action="store_true", help="do not wait for what is computed beforehand")
    options = parser.parse_args()
    if not options.workspace.exists():
        add_ended_runs(build_workspace(options.workspace.resolve(), options.rollouts, options.versions), options.runs)
    root = options.workspace.resolve()
    every = pages_of(root)
    chosen = {name: found for name, found in every.items() if not options.pages or name in options.pages}
    with serving(root) as (printed, server, started), chromium() as browser:
        address = printed.partition("/?")[0]
        page = browser.new_page()
        seconds(page, printed)  # the browser gets the secret of this start
        found: Row = {"address printed after s": started, "MB at start": megabytes(server)}
        if not options.at_once:
            found["prepared after s"] = started + until_idle(server)
            found["CPU s until then"] = processor_seconds(server)
            found["MB prepared"] = megabytes(server)
            found["idle CPU s a minute, no tab"] = idle_minute(server, options.idle)
        there = {name: [address + path for path in paths] for name, paths in chosen.items()}
        table = {name: visited(page, server, paths, options.repeats) for name, paths in there.items()}
        found["MB after all visits"] = megabytes(server)
        seconds(page, address + every["runs"][0])
        found["idle CPU s a minute, an ended run"] = idle_minute(server, options.idle)
        other = browser.new_page()
        seconds(other, address + every["home"][0])
        page.bring_to_front()
        other.evaluate(STROLL, [paths[0] for paths in there.values()])
        for name, paths in there.items():
            table[name]["two tabs"] = later(page, paths, max(1, options.repeats // 2))[1]
        other.close()
        with live(root) as run:
            for name, paths in there.items():
                table[name]["writing"] = later(page, paths, max(1, options.repeats // 2))[1]
            seconds(page, f"{address}/runs?run={run}")
            found["idle CPU s a minute, a run that writes"] = idle_minute(server, options.idle)
        found["MB at the end"] = megabytes(server)
    text = tables(table, found)
    print(text)
    if options.page is not None:
        options.page.write_text(f"{ABOUT.format(rollouts=options.rollouts, versions=options.versions)}\n{text}\n")


def visited(page: Page, server: psutil.Process, addresses: Sequence[str], repeats: int) -> Row:
    """Seconds of the first visits of a page, and of later ones."""
    before = processor_seconds(server)
    row = {"cold": seconds(page, addresses[0]), "CPU cold": processor_seconds(server) - before}
    row["new tab"] = seconds(page, addresses[0])
    firsts = [(0.0, 0.0)]
    for address in addresses[1:]:
        before = processor_seconds(server)
        firsts.append((seconds(page, address, new=False), processor_seconds(server) - before))
    row["first"], row["CPU first"] = max(firsts)
    row["p50"], row["p95"] = later(page, addresses, repeats)
    wrong = page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count()
    if wrong:
        raise SystemExit(f"{page.url} shows an error")
    sys.stderr.write(f"{page.url.split('?')[0]} {json.dumps({name: round(value, 2) for name, value in row.items()})}\n")
    return row


def tables(table: dict[str, Row], found: Row) -> str:
    """The latency of each page, and the resources that the server took, in Markdown."""
    lines = [f"| page | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * len(COLUMNS)}"]
    lines += [f"| {name} | {' | '.join(f'{row[column]:.2f}' for column in COLUMNS)} |" for name, row in table.items()]
    lines += ["", "| server | |", "|---|---:|"]
    lines += [f"| {name} | {value:{'.0f' if name.startswith('MB') else '.2f'}} |" for name, value in found.items()]
    return "\n".join([*lines, "", f"Load {os.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores."])


def at(path: str, **query: str | int) -> str:
    """The address of a page."""
    return f"/{path}?{urlencode(query)}" if query else f"/{path}"


def pages_of(root: Path) -> dict[str, list[str]]:
    """The addresses of each page over the largest dataset: first the one to open, then its interactions."""
    with Reader.open(root) as reader:
        many = next(run.id for run in runs(reader) if run.name == "many" and run.status == "done")
        newest = next(row.newest for row in datasets(reader) if row.name == "many")
        assert newest is not None
        scope = named_scope(reader, newest.ref)
        assert scope is not None
        with scope.connection("problems") as connection:
            problem = connection.execute("SELECT min(id) FROM problems").fetchall()[0][0]
    return {
        "home": [at("")],
        "runs": [
            at("runs", run=many),
            *(at("runs", run=many, tab=tab) for tab in ("Gate", "Cost and forecast", "Log")),
        ],
        "schedules": [at("schedules")],
        "datasets": [
            at("datasets", dataset="small"),
            *(at("datasets", dataset="small", tab=tab) for tab in ("Gates", "Drift", "Tags and sign-off", "Manifest")),
        ],
        "diff": [
            at("diff", dataset="small", before="small@v1", after="small@v2"),
            at("diff", dataset="small", before="small@v2", after="small@v3"),
        ],
        **of_version(newest.ref, problem),
        "review": [at("review")],
        "claims": [at("claims")],
        "papers": [at("papers")],
    }


def of_version(reference: str, problem: str) -> dict[str, list[str]]:
    """Pages that read a version's rollouts."""
    of, compare = f"version {reference}", {"evaluation": reference.partition("@")[0]}
    return {
        "explore": [
            at("explore", of=of),
            at("explore", of=of, level=3),
            at("explore", of=of, page=2),
            at("explore", of=of, outcome="incorrect", model="third", rows="rollouts"),
            at("explore", of=of, text="97"),
            at("explore", of=of, problem=problem),
        ],
        "compare": [
            at("compare", **compare),
            at("compare", **compare, a="third", b="first"),
            at("compare", **compare, more="Cost and accuracy"),
            at("compare", **compare, by="level"),
        ],
        "difficulty": [
            at("difficulty", of=of),
            *(at("difficulty", of=of, by=by) for by in ("skill", "template", "model")),
            at("difficulty", of=of, view="Budget"),
        ],
        "verifiers": [
            at("verifiers", of=of),
            *(at("verifiers", of=of, view=v) for v in ("Rules", "Disagreements", "Slowest")),
        ],
    }


@contextmanager
def live(root: Path) -> Iterator[str]:
    """A run that is under way for the whole measurement: the small rollouts judged slowly."""
    recipe = (root / "small.yaml").read_text().replace("name: small", "name: live")
    judged = recipe.replace("[{method: number}, {method: math}]", "[{method: slow.py:Slow}]").replace(
        "accept: ", "# accept: "
    )
    with Reader.open(root) as reader:
        rollouts = next(row.newest.rows for row in datasets(reader) if row.name == "small" and row.newest is not None)
    (root / "slow.py").write_text(SLOW.format(pause=LIVE_SECONDS / rollouts))
    (root / "live.yaml").write_text(judged)
    command = [sys.executable, "-m", "rollmill.flows.cli", "curate", "live.yaml", "--direct", "--keep-going"]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    try:
        with Reader.open(root) as reader:
            while not (begun := [run.id for run in runs(reader) if run.name == "live" and run.status == "running"]):
                if process.poll() is not None:
                    raise SystemExit(f"the run that writes ended with status {process.returncode}")
                time.sleep(0.2)
        yield begun[0]
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
