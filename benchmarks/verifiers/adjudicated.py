"""An adjudicated benchmark: graders on every distinct (reference, answer) pair of real rollouts that differs in spelling.

    make peers
    python benchmarks/verifiers/adjudicated.py  # ours and the peers that are installed
    python benchmarks/verifiers/adjudicated.py --graders math-verify inspect             # some
    python benchmarks/verifiers/adjudicated.py --write docs/adjudicated_graders.csv  # keep the rows that anybody accepts

A pair is what `math` extracts beside the reference, judged with its problem. The peers get the answer in a box, each in a
child process of their own interpreter (ROLLMILL_PEERS, else .venv-peers). Adjudications are those of
docs/adjudicated_graders.csv; a pair that anybody accepts and that is not in it is listed as unread. lighteval needs torch
and is not among the pinned peers; where it is installed it takes part.
"""

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import peers_python
from rollmill.ground.records import Completion, Message, Problem
from rollmill.pipelines.verify.mathematics import MathVerifier

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "mathcoder_rollouts.parquet"
TABLE = ROOT / "docs" / "adjudicated_graders.csv"
GRADERS = ("math-verify", "lm-eval hendrycks", "lm-eval minerva", "lm-eval score", "inspect", "lighteval")
OURS = ("strict", "lenient")
FIELDS = ("row", "problem_id", "reference", "answer", "label", "adjudged", "class", "reason", *OURS, *GRADERS)
Pair = dict[str, Any]


def main() -> int:
    """Judge, compare, print; exit status 1 if a disagreement was never read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graders", nargs="*", default=list(GRADERS), choices=GRADERS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not DATA.exists():
        sys.exit("mathcoder_rollouts.parquet is missing: the real rollouts lie beside the checkout, in ../shared/data")
    pairs = distinct_pairs()
    peers = [name for name in options.graders if peer(name, pairs)]
    read = adjudications()
    for pair in pairs:
        pair.update(read.get((pair["reference"], pair["answer"]), {"adjudged": "", "class": "", "reason": ""}))
    shown = (*OURS, *peers)
    report(pairs, shown)
    unread = [pair for pair in pairs if not pair["adjudged"] and any(pair[name] == "yes" for name in shown)]
    for pair in unread:
        print("unread:", json.dumps({key: pair[key] for key in ("row", "reference", "answer", *shown)}))
    if options.write:
        write(options.write, [pair for pair in pairs if any(pair.get(name) == "yes" for name in shown)])
    return 1 if unread else 0


def distinct_pairs() -> list[Pair]:
    """The distinct pairs in the order of their first rollouts, with our verdicts under both policies."""
    items, rows = rollouts()
    verdicts = {}
    for policy in OURS:
        with MathVerifier(policy=policy) as ours:
            verdicts[policy] = list(ours.verify_many(items))
    pairs: dict[tuple[str, str], Pair] = {}
    for index, ((problem, _), row) in enumerate(zip(items, rows, strict=True)):
        answer = verdicts["strict"][index].extracted
        if answer is None or answer == problem.reference:
            continue
        named = {policy: _yes(verdicts[policy][index].outcome == "correct") for policy in OURS}
        pair = {"row": str(index), "problem_id": row["problem_id"], "reference": problem.reference, "answer": answer}
        label = "correct" if row["is_correct"] else "incorrect"
        pairs.setdefault((problem.reference, answer), {**pair, "label": label, **named})
    return list(pairs.values())


def rollouts() -> tuple[list[tuple[Problem, Completion]], list[dict[str, Any]]]:
    """The rollouts as problems and completions, and their rows."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(DATA).to_pylist()
    items = []
    for index, row in enumerate(rows):
        turns = tuple(Message("assistant", turn["content"], turn["role"]) for turn in json.loads(row["messages"]))
        given = Completion(
            str(index), "p", "imported", "m", "", "curate", 0, None, turns[-1].content, "imported", messages=turns
        )
        items.append((Problem(row["prompt"], row["reference"]), given))
    return items, rows


def peer(name: str, pairs: Sequence[Pair]) -> bool:
    """Ask one grader about every pair, in its own process; its answers go into the pairs. False if it is missing."""
    questions = "".join(json.dumps({"reference": p["reference"], "answer": p["answer"]}) + "\n" for p in pairs)
    command = [peers_python(), str(ROOT / "benchmarks" / "peers" / "adjudicated_graders.py"), name]
    done = subprocess.run(command, input=questions, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if lines and "missing" in lines[0]:
        print(f"{name}: not in this environment ({lines[0]['missing']})")
        return False
    if len(lines) != len(pairs) + 2:
        sys.exit(f"{name} ended early: {done.stderr.strip().splitlines()[-1:] or 'no message'}")
    for pair, line in zip(pairs, lines[1:-1], strict=True):
        pair[name] = "failed" if line["same"] is None else _yes(line["same"])
    print(f"{name} {lines[0]['version']}: {len(pairs) / max(lines[-1]['cpu_seconds'], 1e-9):,.0f} pairs a CPU second")
    return True


def adjudications() -> dict[tuple[str, str], dict[str, str]]:
    """Adjudications: (reference, answer) -> adjudged, class, reason."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(r["reference"], r["answer"]): {key: r[key] for key in ("adjudged", "class", "reason")} for r in rows}


def report(pairs: Sequence[Pair], names: Iterable[str]) -> None:
    """Errors of each kind on the pairs that somebody accepts: all of those are adjudicated."""
    print(f"{len(pairs)} distinct pairs that differ in spelling; {sum(bool(p['adjudged']) for p in pairs)} adjudicated")
    print(f"{'':20}{'accepts':>9}{'false accepts':>15}{'false rejects':>15}{'failed':>8}")
    for name in names:
        yes = [pair for pair in pairs if pair[name] == "yes"]
        false_accepts = sum(pair["adjudged"] == "incorrect" for pair in yes)
        false_rejects = sum(pair["adjudged"] == "correct" for pair in pairs if pair[name] != "yes")
        failed = sum(pair[name] == "failed" for pair in pairs)
        print(f"{name:20}{len(yes):>9}{false_accepts:>15}{false_rejects:>15}{failed:>8}")


def write(path: Path, pairs: Sequence[Pair]) -> None:
    """Keep the pairs with everybody's verdicts."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(pairs)
    print(f"wrote {len(pairs)} rows to {path}")


def _yes(same: bool) -> str:
    return "yes" if same else "no"


if __name__ == "__main__":
    sys.exit(main())
