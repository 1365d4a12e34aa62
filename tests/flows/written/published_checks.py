"""What holds of the versions of recipes of published prompts, beyond that they ran; a function for each, of its name."""

import re
from collections import Counter
from itertools import pairwise

from rollmill.pipelines.edit.failing_example import value_at
from tests.flows.scripted_models import numbers_in
from tests.flows.written.published_scripts import BUGS, CELLS
from tests.flows.written.step_versions import Made, depth_of


def think_twice(made: Made) -> None:
    """A round shows the last answer alone; every thread with a readable answer is asked again, twice at most."""
    again = {depth: [row for row in made.of("again") if depth_of(made, row, "again") == depth] for depth in (1, 2)}
    readable = {row.id for row in made.of("solve") if "####" in row.text}
    assert {row.after[0] for row in again[1]} == readable
    shown = {row.id for row in again[1] if "####" in row.text}
    assert {row.after[0] for row in again[2]} == shown
    assert 0 < len(shown) < len(again[1]), "an answer that cannot be read is not shown"
    assert not made.step_part("again")["sees_label"]


def step_back(made: Made) -> None:
    """Two calls with both texts stored: the rule reaches the second; with a rule that does not apply it misleads."""
    rules = {row.id for row in made.of("principle") if "PRINCIPLE:" in row.text}
    assert {row.after[0] for row in made.of("solve")} == rules
    assert len(rules) < len(made.of("principle")), "a text without a rule is not followed"
    asked = [request["messages"][-1]["content"] for request in made.asked]
    assert sum("sums do not depend" in text for text in asked) == len(rules)
    assert all(row.tokens for step in ("principle", "solve") for row in made.of(step))
    assert {row.outcome for row in made.of("principle")} == {""}, "nobody judges a principle"
    rate = {step: made.step_part(step)["rates"]["pass_rate"] for step in ("solve", "misled")}
    assert rate == {"solve": 1.0, "misled": 0.0}
    assert {row.outcome for row in made.of("direct")} == {"correct", "incorrect"}


def bug_types(made: Made) -> None:
    """The type that is read is the planted one; what fails is repaired, twice at most, and half of the repairs mend it."""
    confusion: Counter[tuple[str, str]] = Counter()
    named = {"SyntaxError": "syntax", "NameError": "runtime", "AssertionError": "function"}
    for row in made.of("ran"):
        program = made.rows[row.after[0]].text
        planted = next((kind for kind, bug in BUGS.items() if bug in program), "none")
        found = next((kind for name, kind in named.items() if name in row.text), "none")
        confusion[planted, found] += 1
    assert {pair for pair in confusion if pair[0] != pair[1]} == set()
    assert {pair[0] for pair in confusion} == {*BUGS, "none"}
    readable = made.step_part("ran")["readable"]
    assert readable["syntax"] + readable["runtime"] + readable["function"] == readable["bug"]
    assert readable["bug"] == sum(count for (planted, _), count in confusion.items() if planted != "none")
    rounds = {depth: [row for row in made.of("repair") if depth_of(made, row, "repair") == depth] for depth in (1, 2)}
    failed = [row for row in made.of("solve") if row.outcome != "correct"]
    assert len(rounds[1]) == len(failed)
    assert len(rounds[2]) == sum(row.outcome != "correct" for row in rounds[1])
    assert {row.outcome for row in made.of("solve")} == {"correct", "incorrect"}
    for tried in rounds.values():  # half of n repairs, within three standard deviations
        mended = sum(row.outcome == "correct" for row in tried)
        assert abs(mended - len(tried) / 2) <= 1.5 * len(tried) ** 0.5


def modelling(made: Made) -> None:
    """A text of each stage; the program never saw the model; a report only where the computation gave one number."""
    stages = {step: made.of(step) for step in ("analysis", "model", "program", "computed", "report")}
    analyses = {row.id for row in stages["analysis"]}
    assert {row.after[0] for row in stages["model"]} == {row.after[0] for row in stages["program"]} == analyses
    asked = [request["messages"][-1]["content"] for request in made.asked]
    models = {row.text for row in stages["model"]}
    assert not [text for text in asked if "prints the optimum" in text and any(model in text for model in models)]
    numbered = {row.id for row in stages["computed"] if row.text.strip().isdigit()}
    assert {made.before(row, "computed").id for row in stages["report"]} == numbered
    assert len(numbered) < len(stages["computed"])
    assert {row.outcome for row in stages["model"]} == {"correct", "incorrect"}
    assert {row.outcome for step in ("analysis", "program", "report") for row in stages[step]} == {""}
    called = [row for step in ("analysis", "model", "program", "report") for row in stages[step]]
    assert len(called) == len(asked), "a call for each text of a stage, and no other"
    assert sum(row.tokens for row in called) == sum(
        made.step_part(step)["tokens_out"] for step in stages if step != "computed"
    )


def augment(made: Made) -> None:
    """Of each operator every text that can be read; a new wording stays where its answer did; all follow a seed."""
    refined = made.of("refined")
    kept = {row.id for row in refined if numbers_in(made.before(row, "refine").text) == numbers_in(row.prompt)}
    assert {row.id for row in refined if row.outcome == "correct"} == kept
    assert {row.after[0] for row in made.of("reworded")} == kept
    validity = len(kept) / len(made.of("refine"))
    assert 0.2 < validity < 0.8, "half of the wordings keep the numbers"
    seeds = {row.problem for row in made.of("refine")}
    for step in ("refined", "reworded", "expand", "paired"):
        assert {made.before(row, "refine").problem for row in made.of(step)} <= seeds, step
    assert len(made.of("expand")) == len(made.of("paired")) == len(made.of("refine"))
    assert not made.step_part("reworded")["sees_label"] or made.step_part("refined")["sees_label"] is False


def choice_stages(made: Made) -> None:
    """The key sees the stem alone; wrong options only behind a right key; no kept question has two equal options."""
    asked = [request["messages"][-1]["content"] for request in made.asked]
    keys = [text for text in asked if "Answer the question" in text]
    assert len(keys) == len(made.of("key")) < len(made.of("stem"))
    assert not [text for text in keys if "What is" in text], "the problem is not shown again"
    right = {row.id for row in made.of("key") if row.outcome == "correct"}
    assert {row.after[-1] for row in made.of("wrong")} == right < {row.id for row in made.of("key")}
    distinct = set()
    for row in made.of("question"):
        options = re.findall(r"(?:KEY|WRONG): (.+)", row.text)
        assert len(options) == 4
        if len(set(options)) == 4:
            distinct.add(row.id)
    assert {row.after[0] for row in made.of("kept")} == distinct
    assert 0 < len(distinct) < len(made.of("question"))
    assert {row.outcome for row in made.of("kept")} == {"correct"}
    whole = made.step_part("whole")["readable"]["distinct"]
    assert 0 < whole < len(made.of("whole")), "the control by one call is held to the same gate"


def mode_views(made: Made) -> None:
    """Every view is of a solution's own lines, the views nest, and the mode stands in front; all kept ones are right."""
    views = {step: {made.before(row, "solve").id: row for row in made.of(step)} for step in ("slow", "shorter", "shortest")}
    nested = 0
    for key, row in views["slow"].items():
        whole = made.rows[key].text.split("\n")
        assert row.text.split("\n") == ["<slow>", *whole]
        shorter, shortest = (views[step].get(key) for step in ("shorter", "shortest"))
        if shorter is None or shortest is None or not (shorter.text and shortest.text):
            continue
        lines = [view.text.split("\n")[1:] for view in (row, shorter, shortest)]
        assert [len(lines[0]) - len(view) for view in lines] == [0, 1, 2]
        assert all(not Counter(less) - Counter(more) for more, less in pairwise(lines)), (
            "a harder cut is a part of a milder"
        )
        nested += 1
    assert nested > 5
    for row in made.of("fast"):
        assert row.text == f"<fast>\n{made.before(row, 'solve').text.rstrip().splitlines()[-1]}"
    kept = [row for row in made.rows.values() if row.reason == "kept"]
    assert {row.step for row in kept} == {"slow", "shorter", "shortest", "fast"}
    assert {row.outcome for row in kept} == {"correct"}
    assert not any(made.step_part(step)["sees_label"] for step in ("slow", "shorter", "shortest", "fast"))


def modes(made: Made) -> None:
    """As many answers in each mode, the forced ones behind their token; each mode has its tokens and its rate."""
    assert len(made.of("auto")) == len(made.of("fast")) == len(made.of("slow"))
    for step in ("fast", "slow"):
        assert all(row.text.startswith(f"<{step}>\n") for row in made.of(step))
    said = {step: made.step_part(step) for step in ("auto", "fast", "slow")}
    assert all(part["tokens_out"] > 0 and part["rates"]["pass_rate"] is not None for part in said.values())


def state_search(made: Made) -> None:
    """A shortest plan of right components is right; wrong ones give another length or none, and no program no plan."""
    outcomes = set()
    for row in made.of("plan"):
        written = made.before(row, "write").text
        outcomes.add(row.outcome)
        if "n + 3" in written:
            assert row.outcome == "correct"
            *path, length = row.text.splitlines()
            assert length == f"#### {len(path) - 1}"
            assert all(int(after) - int(before) in (1, 3) for before, after in pairwise(path))
        elif "```" in written:
            assert row.text.startswith("[none]") or row.outcome == "incorrect"
        else:
            assert (row.text, row.outcome) == ("", "unparsed")
    assert "correct" in outcomes


def first_prompt(made: Made) -> None:
    """Each supplied example fails on the formula before it and holds for the hidden function."""
    supplied = [row for row in made.of("one") if row.text]
    assert supplied
    for row in supplied:
        formula = made.before(row, "solve")
        x, right, given = map(int, re.findall(r"-?\d+", row.text))
        assert value_at(row.reference, x) == right != given
        assert given == value_at(formula.text.rpartition("####")[2], x)
        assert formula.outcome == "incorrect"
    assert {row.after[0] for row in made.of("second")} <= {row.id for row in (*supplied, *made.of("solve"))}
    assert len(made.of("second")) == len(supplied)


def tool_calls(made: Made, *, aligned: bool = False) -> None:
    """Success of each cell, by running the calls, is that of its model; both parts are shown where they are asked for."""
    for name, (system, demos) in {
        "plain": (False, False),
        "system": (True, False),
        "demos": (False, True),
        "both": (True, True),
    }.items():
        drawn, ran = made.of(name), made.of(f"{name}_ran")
        assert len(drawn) == 24
        right = sum(row.outcome == "correct" for row in ran)
        assert right / len(drawn) == CELLS[system, demos or aligned] / 4
        assert all(row.text.strip().lstrip("-").isdigit() for row in ran)
        assert len(ran) == (24 if system else right), "a text that does not end with a call is run by nobody"
    turns = [(turn["messages"][0]["role"] == "system", len(turn["messages"])) for turn in made.asked]
    assert Counter(turns) == {(False, 1): 24, (True, 2): 24, (False, 7): 24, (True, 8): 24}
    shown = Counter(call for turn in made.asked for call in re.findall(r"(?:add|subtract|divide)\(\d+, \d+\)", str(turn)))
    assert shown["add(3, 5)"] == shown["add(10, 1)"] == 48 > shown["subtract(9, 4)"], "of the nearest three two are sums"
    assert shown.total() == 48 * 3


def calls_inside(made: Made) -> None:
    """An answer goes on behind what its programs printed, until it calls no more or did four times; places are known."""
    solved, more = made.of("solve"), made.of("more")
    for row in more:
        ran = made.rows[row.after[0]]
        begun = made.rows[ran.after[0]].text
        shown = f"{begun}\n```output\n{ran.text.strip()}\n```\n"
        assert row.text.startswith(shown)
        assert row.meta["prefix"] == len(shown)
    called = [row for row in solved if "```python" in row.text]
    rounds = Counter(depth_of(made, row, "more") for row in more)
    endless = sum(row.text.count("```output") == 4 for row in more)
    assert rounds[1] == rounds[2] == len(called) < len(solved)
    assert rounds[3] == rounds[4] == endless > 0
    ended = [row for row in more if "####" in row.text]
    assert {(row.outcome, row.text.count("```output")) for row in ended} == {("correct", 2)}
    assert len(ended) + endless == len(called)
    assert {row.outcome for row in solved if row not in called} == {"incorrect"}
    turns = [request["messages"] for request in made.asked if request["messages"][-1]["role"] == "assistant"]
    assert {(len(turn), "fenced block" in turn[0]["content"]) for turn in turns} == {(3, True)}
    alone = made.of("alone")
    assert len(alone) == len(solved)
    assert 0 < sum(row.outcome == "correct" for row in alone) < len(alone) / 2


def separate_tests(made: Made) -> None:
    """What passes a test of another call is seldom wrong; a joint call's program and test agree on wrong answers too."""
    passed = {step: [row for row in made.of(step) if "####" in row.text] for step in ("ran", "joint_ran")}
    wrong = {step: sum(row.outcome == "incorrect" for row in rows) / len(rows) for step, rows in passed.items()}
    assert wrong["ran"] < 0.2 < 0.4 < wrong["joint_ran"]
    assert len(passed["joint_ran"]) == len(made.of("joint")) == len(made.of("write"))
    failed = [row for row in made.of("ran") if row not in passed["ran"]]
    assert {(row.outcome, row.text.strip()) for row in failed} == {("unparsed", "It does not leave this number.")}
    assert any("+ dup" in made.before(row, "write").text for row in failed), "a program may fail too"
    hostile = {row.id for row in made.of("write") if "print(" in row.text}
    assert hostile
    assert not hostile & {made.before(row, "write").id for row in made.of("ran")}, "no text leaves its place in the program"
    asked = [request["messages"][-1]["content"] for request in made.asked]
    assert {"PROGRAM" in text for text in asked if "must a right program leave" in text} == {False}
