"""A run whose steps follow others, and its version: one problem, seven completions, two threads.

    solve s0, correct ──── error e0, incorrect
    solve s1, incorrect ── mark m1 ── cut c1 ── fix f0, correct, and fix f1, incorrect

`mark` and `cut` are judged by nobody; `fix` goes on from the text of `cut`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rollmill.ground.pool import pool_of
from rollmill.ground.records import Completion, Decision, PlanRow, Problem, ThreadRow, Verdict
from rollmill.metrics import decision_counts
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.workspace import Workspace
from tests.storage.accepted import accept

RUN = "lines-aaaaaaaa"
PROBLEM = Problem("What is 2 + 3 * 4?", "14", level=1, skill="chain", template="mixed", source="templates")
STEPS: tuple[Mapping[str, Any], ...] = (
    {"name": "solve", "engine": "embedded", "template": "{prompt}"},
    {"name": "error", "engine": "edit", "template": "{solve}", "when": {"solve": ["correct"]}, "want": "incorrect"},
    {
        "name": "mark",
        "engine": "embedded",
        "role": "step",
        "template": "{prompt}\n{solve}\nWhich line is wrong? End with LINE n.",
        "when": {"solve": ["incorrect"]},
        "read": {"line": r"LINE (\d+)"},
    },
    {"name": "cut", "engine": "edit", "role": "step", "template": "{solve}", "options": {"step": "{mark.line}"}},
    {"name": "fix", "engine": "embedded", "template": "{cut}", "turn": "continue", "count": 2},
)
RECIPE = {
    "name": "lines",
    "dataset": "lines",
    "generate": {"engine": "embedded"},
    "steps": list(STEPS),
    "resolved": {"verifiers": [["number", "1"]]},
    "prefix": 2,
}
TEXTS = {
    "s0": "3 * 4 = 12\n2 + 12 = 14\n#### 14",
    "s1": "3 * 4 = 12\n2 + 12 = 15\n#### 15",
    "e0": "3 * 4 = 12\n2 + 12 = 19\n#### 19",
    "m1": "The sum is wrong: LINE 2",
    "c1": "3 * 4 = 12",
    "f0": "3 * 4 = 12\n2 + 12 = 14\n#### 14",
    "f1": "3 * 4 = 12\n2 + 4 = 6\n#### 6",
}
IDS = {name: f"{place:x}{'0' * 31}" for place, name in enumerate(TEXTS, 2)}
NAMES = {identity: name for name, identity in IDS.items()}
AFTER = {"e0": "s0", "m1": "s1", "c1": "m1", "f0": "c1", "f1": "c1"}
OF_STEP = {"s": "solve", "e": "error", "m": "mark", "c": "cut", "f": "fix"}
OUTCOME = {"s0": "correct", "s1": "incorrect", "e0": "incorrect", "f0": "correct", "f1": "incorrect"}
CHANGE = {"line": 2, "old": "14\n#### 14", "new": "19\n#### 19", "at": [20, 30], "to": [20, 30]}
META: Mapping[str, Any] = {"e0": {"changes": [CHANGE]}, "f0": {"prefix": 10}, "f1": {"prefix": 10}}
ROUNDS = (("s0", "s1"), ("e0", "m1"), ("c1",), ("f0", "f1"))


def completion(name: str) -> Completion:
    engine = "edit" if name in ("e0", "c1") else "embedded"
    index, meta = int(name[1]), META.get(name, {})
    return Completion(
        IDS[name], PROBLEM.prompt_id, engine, "m", "d", "curate", index, 7, TEXTS[name], "stop", 5, 9, meta=meta
    )


def plan(number: int) -> list[PlanRow]:
    return [
        PlanRow(
            RUN,
            number,
            0,
            ordinal,
            PROBLEM.id,
            PROBLEM.prompt_id,
            IDS[name],
            int(name[1]),
            7,
            OF_STEP[name[0]],
            IDS.get(AFTER.get(name, ""), ""),
        )
        for ordinal, name in enumerate(ROUNDS[number])
    ]


def verdict(name: str) -> Verdict:
    return Verdict(IDS[name], PROBLEM.id, "number", "1", OUTCOME[name], "last number")  # type: ignore[arg-type]


def decision(name: str) -> Decision:
    kept, outcome = OUTCOME[name] == "correct", OUTCOME[name]
    decision_row = Decision(RUN, PROBLEM.id, IDS[name], "all_correct", "1", kept, outcome, outcome, "number", "1")  # type: ignore[arg-type]
    return replace(decision_row, step=OF_STEP[name[0]])


def stored(ws: Workspace, *, rounds: int = 4, decided: bool = True) -> None:
    """The run in a workspace, so many of its rounds planned, drawn and judged; the last one only planned unless decided."""
    ws.segments.commit(SegmentKey("problems", "templates", "1", "all"), [PROBLEM])
    ws.runs.open(RUN, name="lines", recipe=RECIPE, recipe_hash="a" * 64)
    for number in range(rounds):
        ws.runs.commit_plan(RUN, number, plan(number), [])
        if not decided and number == rounds - 1:
            return
        drawn = [completion(name) for name in ROUNDS[number]]
        judged = [verdict(name) for name in ROUNDS[number] if name in OUTCOME]
        ws.segments.commit_many(
            [
                (SegmentKey("completions", "embedded", "d", f"b{number}"), drawn),
                (SegmentKey("verdicts", "number", "1", f"b{number}"), judged),
            ],
            run=RUN,
        )
        accept(ws, RUN, judged, f"b{number}")
    if decided:
        ws.segments.commit(SegmentKey("decisions", RUN, "1", "x"), [decision(name) for name in OUTCOME], run=RUN)
        ws.runs.finish(RUN, "done", {"version": 1})


def snapshot() -> Snapshot:
    """What the run would publish."""
    roles = {str(step["name"]): str(step.get("role", "answer")) for step in STEPS}
    follow = [
        ThreadRow(PROBLEM.id, IDS[name], OF_STEP[name[0]], roles[OF_STEP[name[0]]], IDS[before])
        for name, before in AFTER.items()
    ]
    snapshot_rows = Snapshot(
        "lines",
        problems=to_table("problems", [PROBLEM]),
        completions=to_table("completions", [completion(name) for name in TEXTS]),
        verdicts=to_table("verdicts", [verdict(name) for name in OUTCOME]),
        decisions=to_table("decisions", [decision(name) for name in OUTCOME]),
        threads=to_table("threads", follow),
        manifest={
            "recipe": RECIPE,
            "recipe_hash": "a" * 8,
            "run": RUN,
            "verifiers": [{"name": "number", "version": "1"}],
            "fingerprint": {},
            "funnel": {"problems": 1, "completions": 7},
            "metrics": {"prefix": 2},
        },
    )
    counts = decision_counts(pool_of(snapshot_rows.problems, snapshot_rows.completions, snapshot_rows.decisions))
    return replace(snapshot_rows, manifest={**snapshot_rows.manifest, "counts": counts})
