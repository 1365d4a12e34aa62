"""A new user with files of his own: each goes by documented commands from import to a published dataset and an SFT export.

Called by `.ci/as-a-user` in a fresh folder made by `rollmill init`; names on the command line choose files, or
`--one-of-each SEED --cases N` N of them. Every count
is checked: no row is lost or doubled without being said. The files:

- `questions`: a CSV of questions and answers, for which the shipped model draws
- `answers`: a CSV of problems, and a Parquet file of rollouts by two models
- `chats`: JSONL chats with the answer as their last turn
- `lists`: Parquet with `responses: list[str]`
- `harness`: a log of samples of lm-eval
- `mathcoder`: the MathCoder rollouts, where they are beside the checkout
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

CHECKOUT = Path(__file__).resolve().parents[1]
ROLLMILL = str(CHECKOUT / ".venv" / "bin" / "rollmill")
MATHCODER = CHECKOUT.parent / "shared" / "data" / "mathcoder_rollouts.parquet"
MATH = ("--set", "verify=[{method: math}]")
SUMS = [(left, right) for left in range(2, 22) for right in (3, 5)]


@dataclass(frozen=True)
class Walk:
    """One file of rollouts: the words that import it, its problem set, and what must be there at the end."""

    name: str
    write: Callable[[Path], None]
    words: tuple[str, ...]
    answers: str
    problems: int
    rollouts: int
    correct: int | None
    verify: tuple[str, ...] = ()


def rollmill(*arguments: str) -> str:
    """Run a command as typed, print it, and give its output; the walk ends where it fails."""
    done = subprocess.run([ROLLMILL, *arguments], capture_output=True, text=True)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} rollmill {' '.join(arguments)}", flush=True)
    if done.returncode:
        sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def expect(what: str, found: Any, wanted: Any) -> None:
    """End the walk where a count is not the wanted one."""
    if found != wanted:
        sys.exit(f"{what}: found {found!r}, expected {wanted!r}")
    print(f"     {what}: {found}", flush=True)


def said(left: int, right: int, *, wrong: bool = False) -> str:
    """An answer as a model would give it."""
    total = left + right + wrong
    return f"{left} + {right} = {total}.\n#### {total}"


def chats(path: Path) -> None:
    """OpenAI-style chats of one JSONL line each: the last assistant turn is the answer, every fourth is wrong."""
    with path.open("w") as file:
        for number, (left, right) in enumerate(SUMS):
            turns = [
                {"role": "system", "content": "Answer with a number after ####."},
                {"role": "user", "content": f"How much is {left} + {right}?"},
                {"role": "assistant", "content": said(left, right, wrong=number % 4 == 0)},
            ]
            file.write(json.dumps({"messages": turns, "answer": str(left + right), "model": "chatty"}) + "\n")


def responses(path: Path) -> None:
    """Parquet with `responses: list[str]`: four samples of each problem, the last one wrong."""
    rows = [
        {
            "id": f"q{number}",
            "question": f"What do {left} and {right} make together?",
            "answer": str(left + right),
            "responses": [said(left, right, wrong=sample == 3) for sample in range(4)],
        }
        for number, (left, right) in enumerate(SUMS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def lm_eval(path: Path) -> None:
    """A samples log of lm-eval: `doc`, `target`, `resps` and `filtered_resps`; every fifth answer is wrong."""
    with path.open("w") as file:
        for number, (left, right) in enumerate(SUMS):
            text = said(left, right, wrong=number % 5 == 0)
            question = f"Add {right} to {left}. What do you get?"
            row = {
                "doc_id": number,
                "doc": {"question": question, "answer": f"{left}+{right}={left + right}\n#### {left + right}"},
                "target": str(left + right),
                "arguments": {"gen_args_0": {"arg_0": f"Question: {question}\nAnswer:", "arg_1": {"until": ["\n\n"]}}},
                "resps": [[text]],
                "filtered_resps": [text.split("#### ")[1]],
                "filter": "strict-match",
                "metrics": ["exact_match"],
                "doc_hash": f"{number:064x}",
                "prompt_hash": f"{number + 1000:064x}",
                "target_hash": f"{number + 2000:064x}",
                "exact_match": float(number % 5 != 0),
            }
            file.write(json.dumps(row) + "\n")


def answers(path: Path) -> None:
    """Rollouts of two models in Parquet, a row each, beside a CSV with their problems; one model is always wrong."""
    with path.with_name("sums.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "question", "answer"])
        writer.writerows((f"s{number}", f"What is {a} plus {b}?", a + b) for number, (a, b) in enumerate(SUMS))
    rows = [
        {"problem_id": f"s{number}", "model": model, "response": said(a, b, wrong=model == "careless")}
        for number, (a, b) in enumerate(SUMS)
        for model in ("careful", "careless")
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    report = json.loads(rollmill("import", "problems", "sums.csv", "--name", "sums", "--json"))
    expect("problems imported", report["problems"], {"new": len(SUMS), "already": 0})


def mathcoder(path: Path) -> None:
    """The real file, under its own name."""
    shutil.copyfile(MATHCODER, path)


WALKS = [
    Walk("answers", answers, ("answers.parquet", "--problems", "sums"), "sums", 40, 80, 40),
    Walk("chats", chats, ("chats.jsonl",), "chats", 40, 40, 30),
    Walk("lists", responses, ("lists.parquet",), "lists", 40, 160, 120),
    Walk("harness", lm_eval, ("harness.jsonl",), "harness", 40, 40, 32),
    Walk("mathcoder", mathcoder, ("mathcoder.parquet",), "mathcoder", 2542, 12748, None, MATH),
]


def walk(one: Walk) -> None:
    """Import, look, curate, publish, export; each count as the file has it."""
    one.write(Path(one.words[0]))
    command = ("import", "rollouts", *one.words, "--name", one.name)
    rollmill(*command, "--dry-run")
    report = json.loads(rollmill(*command, "--json"))
    brought = 0 if "--problems" in one.words else one.problems
    expect("problems brought along", report["problems"], {"new": brought, "already": 0})
    expect("rollouts imported", report["completions"], {"new": one.rollouts, "already": 0})
    expect("imported again", json.loads(rollmill(*command, "--json"))["completions"], {"new": 0, "already": one.rollouts})
    shown = json.loads(rollmill("import", "show", one.name, "--json"))
    expect("rollouts by model", sum(shown["models"].values()), one.rollouts)
    curated(one)


def curated(one: Walk) -> None:
    """Curate under the file's name and compare funnel and export with the file."""
    recipe = (
        "recipes/imported.yaml",
        "--set",
        f"name={one.name}",
        "--set",
        f"problems.imported={one.answers}",
        *one.verify,
    )
    outcome = json.loads(rollmill("curate", *recipe, "--json"))
    funnel = outcome["funnel"]
    expect("problems judged", (funnel["problems"], sum(funnel["problems_dropped"].values())), (one.problems, 0))
    expect("rollouts judged", funnel["drawn"], one.rollouts)
    expect("rollouts taken of", {row["name"] for row in outcome["imports"]}, {one.name})
    outcomes = sum(funnel[key] for key in ("correct", "incorrect", "unparsed", "undecided"))
    expect("rollouts with an outcome", outcomes, one.rollouts)
    expect("kept and dropped", funnel["kept"] + sum(funnel["dropped"].values()), one.rollouts)
    if one.correct is not None:
        expect("correct", funnel["correct"], one.correct)
    exported(one.name, funnel["kept"])


def exported(name: str, kept: int) -> None:
    """The SFT export: a row per kept rollout, turns of prompt and answer, nothing that is a list or JSON as text."""
    rollmill("dataset", "show", name)
    rollmill("dataset", "export", name, "--format", "sft", "--out", f"{name}-sft.jsonl")
    rows = [json.loads(line) for line in Path(f"{name}-sft.jsonl").read_text().splitlines()]
    expect("rows exported", len(rows), kept)
    expect("rows exported twice", len(rows) - len({(row["id"], row["problem_id"]) for row in rows}), 0)
    expect("rows without a prompt", sum("user" not in {turn["role"] for turn in row["messages"]} for row in rows), 0)
    expect("rows that end otherwise", sum(row["messages"][-1]["role"] != "assistant" for row in rows), 0)
    texts = [turn["content"] for row in rows for turn in row["messages"] if turn["role"] != "tool"]
    expect("texts that are lists", sum(text.startswith(('["', "['", "[{")) for text in texts), 0)


def questions() -> None:
    """A CSV of questions and answers: the shipped model draws, the README's embedded engine."""
    with Path("questions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "answer"])
        writer.writerows(made())
    rows = len(Path("questions.csv").read_text().splitlines()) - 1
    report = json.loads(rollmill("import", "problems", "questions.csv", "--name", "questions", "--json"))
    expect("problems imported", report["problems"], {"new": rows, "already": 0})
    Path("questions.yaml").write_text(
        "recipe_schema: 1\nname: questions\nseed: 7\nproblems: {imported: questions}\n"
        "generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 200}\n"
        "budget: {method: fixed, options: {initial: 4}}\n"
    )
    outcome = json.loads(rollmill("curate", "questions.yaml", "--json"))
    expect("rollouts judged", outcome["funnel"]["drawn"], 4 * rows)
    exported("questions", outcome["funnel"]["kept"])


def made() -> list[tuple[str, str]]:
    """Questions that the shipped model can read, as somebody would have them in a table."""
    sys.path.insert(0, str(CHECKOUT))
    from rollmill.pipelines.synthesize import SYNTHESIZERS

    return [(str(one.prompt), one.reference) for one in SYNTHESIZERS["templates"](split="train").synthesize(30, 5)]


def main(arguments: list[str]) -> None:
    """The named files (all, without names) in one workspace, where rollouts of other imports could come along."""
    known = {"questions": questions, **{one.name: partial(walk, one) for one in WALKS}}
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--one-of-each", metavar="SEED")
    parser.add_argument("--cases", type=int, default=1)
    given = parser.parse_args(arguments)
    chosen = given.names or list(known)
    if given.one_of_each is not None:
        chosen = sorted(chosen, key=lambda name: crc32(f"{given.one_of_each} {name}".encode()))[: given.cases]
    if unknown := [name for name in chosen if name not in known]:
        sys.exit(f"no file {', '.join(unknown)}; known: {', '.join(known)}")
    with tempfile.TemporaryDirectory() as folder:
        rollmill("init", folder)
        os.chdir(folder)
        for name in chosen:
            if name == "mathcoder" and not MATHCODER.exists():
                print(f"NOT RUN mathcoder: no {MATHCODER.name} in ../shared/data", flush=True)
            else:
                known[name]()
        rollmill("doctor", "--quick")
    print(f"own data: {', '.join(chosen)}")


if __name__ == "__main__":
    main(sys.argv[1:])
