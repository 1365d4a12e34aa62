"""What a diff says of two known versions, and what `why` says of one row."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.queries.browse.why import Membership, why
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.diff import Delta, Members, VersionChange, changes, deltas, describe, diff
from rollmill.storage.versions.pairing import StateChange
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import counted

pytestmark = pytest.mark.integration

Build = Callable[..., Snapshot]
CID = [f"{index:032x}" for index in range(6)]
QUOTA_2 = {"name": "toy", "seed": 7, "select": {"method": "quota", "options": {"per_problem": 2}}, "generate": {"top_k": 5}}


def put(ws: Workspace, snapshot: Snapshot) -> VersionInfo:
    return publish(ws, snapshot, report_html="", report_json={}).version


@pytest.fixture
def first(ws: Workspace, snapshot: Build) -> VersionInfo:
    return put(ws, snapshot())


@pytest.fixture
def second(ws: Workspace, snapshot: Build, first: VersionInfo) -> VersionInfo:
    """Quota 2: completion 2 is kept as well; completion 0 turned out incorrect; metrics moved."""
    changed = snapshot(
        kept=(False, False, True, False, True, False),
        outcomes=("incorrect", "incorrect", "correct", "unparsed", "correct", "undecided"),
        recipe=QUOTA_2,
    )
    manifest = {**changed.manifest, "metrics": {"pass_rate": {"1": 1 / 3, "3": 0.5}}}
    return put(ws, replace(changed, manifest=manifest))


def test_a_diff_says_what_changed_and_why(first: VersionInfo, second: VersionInfo) -> None:
    changes = diff(first, second)
    assert (changes.before, changes.after) == ("toy@v1", "toy@v2")
    assert (changes.same_content, changes.same_kept, changes.same_scores) == (False, False, True)
    assert changes.recipe == (VersionChange("generate.top_k", None, 5), VersionChange("select.options.per_problem", 1, 2))
    assert changes.verifiers == ()
    assert changes.problems == Members(0, 0, (), ())
    assert changes.rollouts == Members(0, 0, (), ())
    assert changes.kept_to_dropped == (StateChange("quota", "incorrect", 1, (CID[0],)),)
    assert changes.dropped_to_kept == (StateChange("over_quota", "quota", 1, (CID[2],)),)
    assert changes.outcome_flips == (StateChange("correct", "incorrect", 1, (CID[0],)),)
    assert changes.metrics == (Delta("pass_rate.1", 0.666666666667, 0.333333333333, -0.333333333334),)
    assert changes.levels == (Delta("1.correct", 2, 1, -1.0), Delta("1.incorrect", 1, 2, 1.0))


def test_rows_of_one_side_only_are_listed_with_those_kept(ws: Workspace, snapshot: Build, first: VersionInfo) -> None:
    toy = snapshot()
    fewer = put(ws, counted(replace(toy, completions=toy.completions.slice(1), decisions=toy.decisions.slice(1))))
    changes = diff(first, fewer)
    assert changes.rollouts == Members(0, 1, (), (CID[0],), 0, 1)
    assert diff(fewer, first).rollouts == Members(1, 0, (CID[0],), (), 1, 0)


def test_a_repaired_reference_is_shown_as_such(ws: Workspace, snapshot: Build, first: VersionInfo) -> None:
    toy = snapshot()
    wrong, right = Problem("What is 2 + 2?", "4"), Problem("What is 2 + 2?", "four")
    decisions = toy.decisions.to_pylist()
    for row in decisions:
        row["problem_id"] = right.id if row["problem_id"] == wrong.id else row["problem_id"]
    problems = pa.concat_tables([toy.problems.slice(1), to_table("problems", [right])])
    table = pa.Table.from_pylist(decisions, schema=toy.decisions.schema)
    changes = diff(first, put(ws, counted(replace(toy, problems=problems, decisions=table))))
    assert (changes.problems.added_examples, changes.problems.removed_examples) == ((right.id,), (wrong.id,))
    assert [(repair.old_reference, repair.new_reference) for repair in changes.repaired] == [("4", "four")]


def test_a_version_does_not_differ_from_itself(first: VersionInfo) -> None:
    changes = diff(first, first)
    assert (changes.same_content, changes.recipe, changes.kept_to_dropped, changes.levels) == (True, (), (), ())
    assert describe(changes) == ["toy@v1 -> toy@v1", "  no difference"]


def test_the_description_puts_the_cause_before_the_effect(first: VersionInfo, second: VersionInfo) -> None:
    assert describe(diff(first, second)) == [
        "toy@v1 -> toy@v2",
        "recipe",
        "  generate.top_k: none -> 5",
        "  select.options.per_problem: 1 -> 2",
        "kept -> dropped",
        "  1 x quota -> incorrect, e.g. 00000000",
        "dropped -> kept",
        "  1 x over_quota -> quota, e.g. 00000000",
        "outcome",
        "  1 x correct -> incorrect, e.g. 00000000",
        "metrics",
        "  pass_rate: 1 0.667 -> 0.333 (-0.333)",
        "levels",
        "  1: correct 2 -> 1 (-1); incorrect 1 -> 2 (+1)",
    ]


def test_changes_are_dotted_and_deltas_numeric() -> None:
    assert changes({"a": {"b": 1}, "c": [1]}, {"a": {"b": 1}, "c": [1, 2]}) == (VersionChange("c", [1], [1, 2]),)
    assert changes({"a": {"b": 1}}, {"a": 2}) == (VersionChange("a", None, 2), VersionChange("a.b", 1, None))
    assert deltas({"n": 1, "s": "x", "flag": True}, {"s": "y", "flag": False}) == (Delta("n", 1, None, None),)


def test_why_tells_everything_about_a_completion(first: VersionInfo, second: VersionInfo) -> None:
    answer = why(first, CID[2])
    assert (answer.kind, answer.id, answer.version) == ("completion", CID[2], "toy@v1")
    assert [problem["reference"] for problem in answer.problems] == ["4"]
    rollout = answer.rollouts[0]
    assert (rollout["model_digest"], rollout["seed"], rollout["text"]) == ("d" * 16, 1002, "step 2. The answer is 4.")
    assert [(v["verifier"], v["outcome"], v["rule"]) for v in answer.verdicts] == [("number", "correct", "last_number")]
    assert [(d["kept"], d["reason"]) for d in answer.decisions] == [(False, "over_quota")]
    assert [score["value"] for score in answer.scores] == [24.0]
    assert answer.made_by == {"run": "toy-1", "recipe_hash": "r" * 8, "fingerprint": {"onnxruntime": "1.0"}}
    assert answer.versions == (
        Membership("toy@v1", 0, 1, ("over_quota",), "added"),
        Membership("toy@v2", 1, 0, ("quota",), "changed"),
    )


def test_why_of_a_problem_has_all_its_rollouts(first: VersionInfo) -> None:
    easy = Problem("What is 2 + 2?", "4")
    answer = why(first, easy.id[:10].upper())
    assert (answer.kind, answer.id) == ("problem", easy.id)
    assert [rollout["id"] for rollout in answer.rollouts] == CID[:3]
    assert [decision["reason"] for decision in answer.decisions] == ["quota", "incorrect", "over_quota"]
    assert answer.versions == (Membership("toy@v1", 1, 2, ("incorrect", "over_quota", "quota"), "added"),)
    assert answer.json()["problems"][0]["prompt"] == "What is 2 + 2?"


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("ffffff", "toy@v1 holds no completion and no problem whose id begins with 'ffffff'."),
        ("000", "'000' is too short: give at least 4 digits of an id."),
        ("0000000000", "'0000000000' fits several ids: completion 000000000000000000, "),
    ],
)
def test_why_refuses_what_names_no_single_row(first: VersionInfo, prefix: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        why(first, prefix)
    assert caught.value.text().startswith(message)


def test_a_changed_long_text_is_shown_as_a_text_diff(ws: Workspace, snapshot: Build) -> None:
    def with_template(text: str, name: str) -> VersionInfo:
        made = snapshot(name=name)
        steps = [{"name": "solve", "count": 2}, {"name": "refine", "template": text, "count": 1}]
        return put(ws, replace(made, manifest={**made.manifest, "recipe": {**QUOTA_2, "steps": steps}}))

    old, new = "Read the answer.\n{solve}\nCorrect it.", "Read the answer.\n{solve}\nWrite it anew."
    lines = describe(diff(with_template(old, "a"), with_template(new, "b")))
    at = lines.index("  steps.refine.template:")
    assert [line.strip() for line in lines[at + 1 : at + 5]] == [
        "@@ -2,2 +2,2 @@",
        "{solve}",
        "-Correct it.",
        "+Write it anew.",
    ]
    assert not any("{'name'" in line for line in lines)
