"""From kill -9 to the first new completion: the same command is started again at once, and what it draws stops the clock.

    python benchmarks/runs/resume.py --turns 3

Per engine (`embedded`: the shipped model in the process; `openai`: a server that answers after 0.25 s, 64 under way) a run
is killed in its middle. What passes until then is a Python that starts, imports, recovers the workspace, reads the plan,
looks up what is there, loads the model or asks the server what it serves, and the first answer itself. `again` says how
many of the drawn completions were drawn a second time.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

PROBLEMS, SAMPLES, BATCH = 125, 8, 64


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("ENGINE", "FOLDER", "URL"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run(*options.child)
        return
    from benchmarks.engines.http_engine import serving

    found: dict[str, Any] = {}
    for engine in ("embedded", "openai"):
        turns = []
        for _ in range(options.turns):
            with serving(0.25) as url, tempfile.TemporaryDirectory() as folder:
                turns.append(resumed(engine, folder, url))
        seconds = [turn["seconds"] for turn in turns]
        found[engine] = {"seconds_to_first_new_completion": statistics.median(seconds), "turns": turns}
    print(json.dumps(found, indent=2))


def resumed(engine: str, folder: str, url: str) -> dict[str, Any]:
    """Kill a run when half of it is drawn, start it again, and read when its first completion comes."""
    command = [sys.executable, __file__, "--child", engine, folder, url]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    drawn = []
    for line in first.stdout:
        drawn += line.split()[1:]
        if len(drawn) >= PROBLEMS * SAMPLES // 2:
            break
    first.send_signal(signal.SIGKILL)
    began = time.time()
    again = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    drawn += [cid for line in first.stdout for cid in line.split()[1:]]
    first.wait()
    assert again.stdout is not None
    lines = [line.split() for line in again.stdout]
    assert again.wait() == 0
    new = [cid for line in lines for cid in line[1:]]
    return {
        "seconds": round(float(lines[0][0]) - began, 2),
        "drawn_before": len(drawn),
        "again": len(set(drawn) & set(new)),
        "rows": len(set(drawn) | set(new)),
    }


def run(engine: str, folder: str, url: str) -> None:
    """Recover and run every round; print a line for each group of completions from the engine."""
    from benchmarks.fixed_run import fixed_run
    from rollmill.flows.rounds import run_all
    from rollmill.ground.records import Sampling
    from rollmill.pipelines.generate.embedded.engine import Embedded
    from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
    from rollmill.pipelines.generate.openai import OpenAI
    from rollmill.pipelines.synthesize import SYNTHESIZERS
    from rollmill.storage.workspace import Workspace

    def made() -> Any:
        settings = HttpSettings((Server(url, concurrency=64),))
        return told(OpenAI("toy", http=settings) if engine == "openai" else Embedded())

    with Workspace.init(Path(folder)) as ws:
        ws.recover()
        problems = list(SYNTHESIZERS["templates"]().synthesize(PROBLEMS, 7))
        sampling = Sampling(max_tokens=64)
        with fixed_run(ws, problems, made, SAMPLES, draw_workers=2, sampling=sampling, batch_size=BATCH) as run:
            run_all(run)


def told(engine: Any) -> Any:
    """The engine, saying when it gave which completions."""
    name = "groups" if hasattr(engine, "groups") else "generate"
    plain: Callable[..., Iterator[Any]] = getattr(engine, name)

    def saying(*arguments: Any) -> Iterator[Any]:
        for given in plain(*arguments):
            print(time.time(), *(completion.id for completion in (given if name == "groups" else [given])), flush=True)
            yield given

    setattr(engine, name, saying)
    return engine


if __name__ == "__main__":
    main()
