"""Run README and the how-to pages on the main job: every shell line and every Python block, in order, in this checkout.

A line that several pages show is run once, where it comes first.

Not run: `make` lines (the caller runs those), `rollmill dashboard` and `rollmill up`, which serve until they are ended, and
commands that ask a model server (tests/documentation/test_docs.py runs them). It makes the files that a user would bring.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SERVES = ("rollmill dashboard", "rollmill up")
CHANGES = (
    "dvc exp",
    "dvc plots",
)  # the recipe, which later commands run; tests/flows/evaluation/test_dvc_stage.py runs them
NOT_INSTALLED = "from datasets import"  # by `make run`; tests/storage/versions/content/test_derived.py loads kept rows
NEEDS_SERVER = ("profiles/server.yaml",)
HOW_TO = (
    "run-a-recipe",
    "use-methods-of-your-own",
    "read-a-dataset",
    "look-after-a-workspace",
    "schedule-a-recipe",
    "share-versions-through-dvc",
)
PAGES = "README.md", *(f"docs/how-to/{page}.md" for page in HOW_TO)


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, body) of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def shell_lines(body: str) -> list[str]:
    """The commands of a shell block, without comments, `make` and what serves."""
    lines = [re.sub(r"\s+#.*$", "", line).strip() for line in body.splitlines()]
    return [
        line
        for line in lines
        if line and not line.startswith("make ") and not any(name in line for name in (*SERVES, *CHANGES, *NEEDS_SERVER))
    ]


def bring_files() -> None:
    """The problems and rollouts of somebody's own."""
    problems = [{"id": f"m{n}", "question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(1, 6)]
    Path("problems.jsonl").write_text("\n".join(map(json.dumps, problems)) + "\n")
    answers = [
        {"problem_id": f"m{n}", "model": "mine", "text": f"{n} + {n} = {2 * n + wrong}\n#### {2 * n + wrong}"}
        for n in range(1, 6)
        for wrong in (0, 1)
    ]
    pq.write_table(pa.Table.from_pylist(answers), "answers.parquet")


def run(command: list[str] | str, shown: str) -> bool:
    """Run one command; say so when it fails."""
    done = subprocess.run(command, shell=isinstance(command, str), capture_output=True, text=True)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {shown}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-2000:], done.stderr[-2000:], sep="\n", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run all; the exit status is 1 when one failed."""
    bring_files()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    results, seen = [], {"rollmill curate recipes/arithmetic.yaml"}  # `make run`
    for language, body in blocks("\n".join(Path(page).read_text() for page in PAGES)):
        if language == "sh":
            for line in shell_lines(body):
                if line.removeprefix(".venv/bin/") not in seen:
                    results.append(run(line, line))
                seen.add(line.removeprefix(".venv/bin/"))
        elif language == "python" and NOT_INSTALLED not in body:
            results.append(run([sys.executable, "-c", body], body.splitlines()[0]))
    print(f"readme: {sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
