"""The question of the verifier `math`, put to workers that are killed: imported by those workers, by name.

SHOOTING names a folder with `shots.json`: {"who": "self" or "all", "answers": {answer: how often}}. A worker that is asked
about such an answer kills itself, or every worker of its parent and itself at last, until it was done so often. `asked` has
a line for every answer that was asked about, `shot` for every kill.
"""

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil

from rollmill.pipelines.verify.answers import judgement

FOLDER = Path(os.environ.get("SHOOTING", "."))


def decide(question: dict[str, Any]) -> dict[str, Any]:
    answer = question["answer"]
    write("asked", answer)
    shots = json.loads((FOLDER / "shots.json").read_text())
    if lines("shot").count(answer) < shots["answers"].get(answer, 0):
        write("shot", answer)
        if shots["who"] == "all":
            shoot_the_others()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.005)
    return judgement.decide(question)


def shoot_the_others() -> None:
    for other in psutil.Process(os.getppid()).children():
        with contextlib.suppress(psutil.Error):  # dead already
            if other.pid != os.getpid() and "rollmill.pipelines.verify.workers.worker" in other.cmdline():
                other.kill()


def write(name: str, answer: str) -> None:
    with (FOLDER / name).open("a") as log:
        log.write(f"{answer}\n")


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text().splitlines() if (FOLDER / name).exists() else []
