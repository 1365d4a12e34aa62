"""Loading times of the dashboard's pages in a browser until their content shows, and the cost of an idle tab.

    python benchmarks/runs/dashboard.py --workspace FOLDER --rollouts 1000000 --versions 100

The workspace is that of `benchmarks/runs/dashboard_workspace.py`; it is made where the folder does not exist, and kept.
Chromium is headless. Cold is the first visit after the server's start, in which a run's rollouts are read once for all
pages. `first` is the slowest first use of an interaction (filters, next page, a problem, another model), of which no
answer is kept yet. Warm are later visits, each in the same tab as a link inside the dashboard. Processor seconds are the
server's.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.runs.dashboard_workspace import build_workspace
from storage.queries import Reader, named_scope, runs

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900_000  # milliseconds
SETTLED = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
    && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]');
}"""
# Counts the runs of a script that came to their end, by what the server sends (session_status_changed, not running). The
# attribute of SETTLED is no witness that a script ran: one that takes less than the page needs to draw arrives as a whole,
# and the page goes from `notRunning` to `notRunning`.
COUNTED = """(() => {
  const Native = window.WebSocket;
  window.scriptsEnded = 0;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener('message', async event => {
        const sent = new Uint8Array(event.data instanceof Blob ? await event.data.arrayBuffer() : event.data);
        if (sent.length === 2 && sent[0] === 0x4a && sent[1] === 0) window.scriptsEnded += 1;
      });
    }
  };
})()"""
# What a link inside the dashboard does. Resolved when the script has ended and the browser has drawn twice since.
GONE = """address => new Promise(resolve => {
  const before = window.scriptsEnded;
  const look = () => window.scriptsEnded > before
    ? requestAnimationFrame(() => requestAnimationFrame(resolve)) : setTimeout(look, 5);
  history.pushState({}, '', address);
  dispatchEvent(new PopStateEvent('popstate', {state: {}}));
  look();
})"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SLOW = """\
import time
from pipelines.verify.number import NumberVerifier

class Slow(NumberVerifier):
    name = "slow"
    def verify(self, problem, completion):
        time.sleep(0.05)
        return super().verify(problem, completion)
    def verify_many(self, items):
        return (self.verify(*item) for item in items)
"""


def main() -> None:
    """Make or take the workspace, visit every page, leave tabs open; a row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="made where it is not there, and kept")
    parser.add_argument("--rollouts", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5, help="visits of each address after the first")
    parser.add_argument("--pages", nargs="*", help="these pages alone")
    parser.add_argument("--idle", type=int, default=60, help="seconds that a tab is left open; 0: none")
    options = parser.parse_args()
    if not options.workspace.exists():
        build_workspace(options.workspace.resolve(), options.rollouts, options.versions)
    root = options.workspace.resolve()
    addresses = pages_of(root)
    chosen = {name: found for name, found in addresses.items() if not options.pages or name in options.pages}
    with serving(root) as (server, process), chromium() as page:
        for name, (main_address, *interactions) in chosen.items():
            print(
                json.dumps(
                    {"page": name}
                    | visited(
                        page, process.pid, [server + address for address in (main_address, *interactions)], options.repeats
                    )
                ),
                flush=True,
            )
        if options.idle:
            print(json.dumps(idle(page, f"{server}{addresses['runs'][0]}", process.pid, options.idle)), flush=True)
            with live(root) as run:
                print(json.dumps(idle(page, f"{server}/runs?run={run}", process.pid, options.idle, "live")), flush=True)


def at(path: str, **query: str | int) -> str:
    """The address of a page."""
    return f"/{path}?{urlencode(query)}" if query else f"/{path}"


def pages_of(root: Path) -> dict[str, list[str]]:
    """The addresses of each page over the largest run: first the one to open, then its interactions."""
    with Reader.open(root) as reader:
        many = next(run.id for run in runs(reader) if run.name == "many" and run.status == "done")
        scope = named_scope(reader, many)
        assert scope is not None
        with scope.connection("problems") as connection:
            problem = connection.execute("SELECT min(id) FROM problems").fetchall()[0][0]
    return {
        "home": [at("home")],
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
        **of_run(many, problem),
        "review": [at("review")],
        "claims": [at("claims")],
    }


def of_run(many: str, problem: str) -> dict[str, list[str]]:
    """Pages that read a run's rollouts."""
    of, compare = f"run {many}", {"evaluation": many}
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
def serving(root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The dashboard of a workspace as `rollmill dashboard` serves it: its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "flows.cli", "dashboard", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, text=True)
    try:
        server = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{server}/_stcore/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield server, process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium() -> Iterator[Page]:
    """A page of a browser."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.add_init_script(COUNTED)
        yield page
        browser.close()


def visited(page: Page, server: int, addresses: Sequence[str], repeats: int) -> dict[str, object]:
    """Seconds until the page shows its content, and processor seconds of the server: cold, first uses, later visits."""
    cold = measured(page, server, addresses[0], new=True)
    new_tab = measured(page, server, addresses[0], new=True)
    first = {address: measured(page, server, address) for address in addresses[1:]}
    warm = [measured(page, server, address) for _ in range(repeats) for address in addresses]
    wrong = page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count()
    slowest = max(first, key=lambda address: first[address][0], default="")
    row: dict[str, object] = {"errors": wrong, "visits": len(warm), "slowest first use": slowest.partition("?")[2][-60:]}
    for place, of in enumerate(("s", "server cpu s")):
        later = [visit[place] for visit in warm]
        row[of] = {
            "cold": round(cold[place], 2),
            "new tab": round(new_tab[place], 2),
            "first": round(max((visit[place] for visit in first.values()), default=0.0), 2),
            "p50": round(statistics.median(later), 2),
            "p95": round(float(np.quantile(later, 0.95)), 2),
        }
    return row


def measured(page: Page, server: int, address: str, *, new: bool = False) -> tuple[float, float]:
    """Seconds of one visit, and what the server's process worked meanwhile."""
    before = processor_seconds(server)
    wall = seconds(page, address, new=new)
    return wall, processor_seconds(server) - before


def seconds(page: Page, address: str, *, new: bool = True) -> float:
    """Seconds until the script has ended and no placeholder is left; `new`: the page is loaded again."""
    begun = time.perf_counter()
    if new:
        page.goto(address, wait_until="commit")
    else:
        page.evaluate(GONE, address)
    page.wait_for_function(SETTLED, polling=20)
    return time.perf_counter() - begun


def idle(page: Page, address: str, server: int, lasting: int, kind: str = "finished") -> dict[str, object]:
    """Processor seconds of the server a minute while one tab lies open."""
    seconds(page, address)
    time.sleep(3)
    before = processor_seconds(server)
    page.wait_for_timeout(1000 * lasting)
    spent = (processor_seconds(server) - before) * 60 / lasting
    return {"idle tab on a run": kind, "server cpu s a minute": round(spent, 2)}


def processor_seconds(pid: int) -> float:
    """Processor seconds of a process so far, from Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def live(root: Path) -> Iterator[str]:
    """A run that is under way for some minutes: the small rollouts judged slowly."""
    recipe = (root / "small.yaml").read_text().replace("name: small", "name: live")
    judged = recipe.replace("[{method: number}, {method: math}]", "[{method: slow.py:Slow}]").replace(
        "accept: ", "# accept: "
    )
    (root / "slow.py").write_text(SLOW)
    (root / "live.yaml").write_text(judged)
    command = [sys.executable, "-m", "flows.cli", "curate", "live.yaml", "--direct"]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    try:
        with Reader.open(root) as reader:
            while not (begun := [run.id for run in runs(reader) if run.name == "live" and run.status == "running"]):
                time.sleep(0.2)
        yield begun[0]
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
