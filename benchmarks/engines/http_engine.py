"""Cost of HTTP: durable rows per second against a server that costs nothing, and repeated requests after a kill -9.

    python benchmarks/engines/http_engine.py --rows 20000        # rates; peers beside it where they are installed
    python benchmarks/engines/http_engine.py --kill  # 1,000 rows at 0.25 s a reply, killed near 500, started again

bare: aiohttp, 64 in flight, replies parsed and dropped. engine: the engine `openai` with every reply in a spool, fsynced,
two batches side by side. run: that and plan, segments, verifier `number`, verdicts, in batches of the usual size and in
batches of 256: against such a server the fixed cost of a batch matters. Peers run in separate environments, because
their pinned dependencies conflict; `make bench-http` builds both and runs this. ROLLMILL_CURATOR and ROLLMILL_DESIGNER name
other Pythons that have them. Each peer's first run of 2,000 rows (Data Designer: 500) counts: later ones read its cache.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import aiohttp

from benchmarks.fixed_run import fixed_run
from rollmill.flows.recipe.schema import rows_a_batch
from rollmill.flows.rounds import OpenRun, plan_round, run_all
from rollmill.flows.rounds.drawing.batches import PlanBatch, batches_of, requests_of
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.storage.workspace import Workspace

PEERS = Path(__file__).resolve().parents[1] / "peers"
SAMPLES, DRAW_WORKERS, TURNS = 8, 2, 3
SAMPLING = Sampling(max_tokens=64)
BATCHES = (rows_a_batch(SAMPLING.max_tokens), 256)  # a recipe's default, and what larger texts have
PEER_ROWS = {"curator": 2000, "designer": 500}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--kill", action="store_true", help="the kill test instead of the rates")
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        with (
            Workspace.init(Path(options.child[0])) as ws,
            toy_run(ws, options.child[1], 1000, options.in_flight) as toy,
        ):
            run_all(toy)
        return
    results = killed(options.in_flight) if options.kill else rates(options.rows, options.in_flight)
    print(json.dumps(results, indent=2))


def rates(rows: int, in_flight: int) -> dict[str, object]:
    """Rows per second of each client, each against a fresh server, the best of three turns as machines are shared."""
    rows -= rows % SAMPLES
    small = f"run, batch {BATCHES[1]}"
    clients = {"bare": bare, "engine": engine, "run": run, small: partial(run, batch=BATCHES[1])}
    turns = [{name: timed(client, rows, in_flight) for name, client in clients.items()} for _ in range(TURNS)]
    rate = {name: rows / min(turn[name] for turn in turns) for name in clients}
    theirs = {name: best for name, size in PEER_ROWS.items() if (best := max(peer(name, size) for _ in range(TURNS)))}
    rounded = {name: round(value, 1) for name, value in {**rate, **theirs}.items()}
    ratios = {
        f"{ours}_to_{other}": round(rate[ours] / value, 3)
        for ours in ("engine", "run", small)
        for other, value in {"bare": rate["bare"], **theirs}.items()
    }
    return {"rows": rows, "in_flight": in_flight, "rows_per_second": rounded, "ratios": ratios}


def timed(client: "object", rows: int, in_flight: int) -> float:
    """Seconds of a client against its own server."""
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        return client(url, rows, in_flight, Path(folder))  # type: ignore[operator, no-any-return]


@contextmanager
def serving(delay: float = 0.0) -> Iterator[str]:
    """The zero-cost server as a process; its URL."""
    command = [sys.executable, str(PEERS / "zero_server.py"), str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


def bare(url: str, rows: int, in_flight: int, _: Path) -> float:
    """aiohttp and json, nothing else."""
    body = json.dumps({"model": "toy", "messages": [{"role": "user", "content": "What is 2 + 2?"}], "seed": 1}).encode()

    async def work() -> float:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, headers={"Content-Type": "application/json"}) as session:
            left = iter(range(rows))

            async def one() -> None:
                for _ in left:
                    async with session.post(f"{url}/chat/completions", data=body) as response:
                        json.loads(await response.read())

            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(in_flight)))
            return time.perf_counter() - began

    return asyncio.run(work())


def engine(url: str, rows: int, in_flight: int, folder: Path) -> float:
    """The engine with every reply durable in a spool before the next group is asked for."""
    with Workspace.init(folder) as ws, toy_run(ws, url, rows, in_flight) as toy:
        batches = batches_of(toy, plan_round(toy, 0) or [])
        began = time.perf_counter()
        shares = [batches[at::DRAW_WORKERS] for at in range(DRAW_WORKERS)]
        workers = [threading.Thread(target=_draw, args=(toy, share)) for share in shares]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - began
        assert sum(len(ws.spool(batch.id).read()) for batch in batches) == rows
        return seconds


def _draw(toy: OpenRun, batches: Sequence[PlanBatch]) -> None:
    engine: OpenAI = toy.engine()  # type: ignore[assignment]
    for batch in batches:
        spool = toy.workspace.spool(batch.id)
        for group in engine.groups(list(requests_of(toy, batch.rows))):
            spool.append(group)
        spool.close()


def run(url: str, rows: int, in_flight: int, folder: Path, batch: int = BATCHES[0]) -> float:
    """Plan, draw, commit, judge, commit."""
    with Workspace.init(folder) as ws, toy_run(ws, url, rows, in_flight, batch) as toy:
        began = time.perf_counter()
        run_all(toy)
        return time.perf_counter() - began


@contextmanager
def toy_run(ws: Workspace, url: str, rows: int, in_flight: int, batch: int = BATCHES[0]) -> Iterator[OpenRun]:
    """A run of `rows` rows, eight samples a problem."""
    settings = HttpSettings((Server(url, concurrency=in_flight),))
    problems = [Problem(f"What is {number} + 2?", "4") for number in range(rows // SAMPLES)]
    engine = partial(OpenAI, "toy", http=settings)
    with fixed_run(ws, problems, engine, SAMPLES, DRAW_WORKERS, sampling=SAMPLING, batch_size=batch) as run:
        run.engine()
        yield run


def peer(name: str, rows: int) -> float:
    """A peer's rows per second; 0, loudly, where it is not installed or fails."""
    built = PEERS.parents[1] / f".venv-{name}" / "bin" / "python"
    python = os.environ.get(f"ROLLMILL_{name.upper()}") or str(built)
    if not Path(python).exists():
        sys.stderr.write(f"no {name}: make peers-http, or set ROLLMILL_{name.upper()} to a Python that has it\n")
        return 0.0
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        command = [python, str(PEERS / "http_clients.py"), name, url, str(rows), folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ | {"HOME": folder})
        if done.returncode:
            sys.stderr.write(f"{name} failed: {done.stderr[-500:]}\n")
            return 0.0
        return rows / float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def killed(in_flight: int) -> dict[str, object]:
    """Requests paid for 1,000 rows by a run that is killed near its middle and started again."""
    with serving(0.25) as url, tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--in-flight", str(in_flight), "--child", folder, url]
        process = subprocess.Popen(command)
        while count(url) < 500 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before, began = count(url), time.perf_counter()
        again = subprocess.Popen(command)
        while count(url) == before and again.poll() is None:
            time.sleep(0.01)
        first = time.perf_counter() - began
        status = again.wait()
        return {
            "rows": 1000,
            "in_flight": in_flight,
            "killed_at": before,
            "paid": count(url),
            "status": status,
            "seconds_to_first_new_request": round(first, 2),
        }


def count(url: str) -> int:
    """Completions that the server was asked for."""
    with urllib.request.urlopen(url.replace("/v1", "/count"), timeout=10) as reply:
        return int(reply.read())


if __name__ == "__main__":
    main()
