"""What holds of the version of each recipe of recipes/steps, beyond that it ran; a function for each, of its name."""

import json
import re
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest

from rollmill.pipelines.edit.error_types import TYPES
from rollmill.pipelines.edit.thoughts import switches_of
from rollmill.pipelines.edit.unified_diffs import states_of
from rollmill.pipelines.verify.calculation_steps import steps_of
from rollmill.storage.exports.completions import middles_of
from tests.flows.scripted_models import numbers_in, shop_numbers
from tests.flows.written.step_recipe_inputs import DETOUR, DOUBLE, HALF, RIGHT
from tests.flows.written.step_versions import Made, Row, depth_of, mean_tokens


def rise(made: Made) -> None:
    """Each pair differs in the planted error alone; what an editor could not edit is no error."""
    kinds = [said["name"] for said in made.manifest["steps"]][1:]
    assert len(kinds) == 6
    refused = 0
    for row in (row for kind in kinds for row in made.of(kind)):
        right = made.before(row, "solve").text
        refused += "failed" in row.meta
        if "failed" in row.meta:
            assert (row.text, row.outcome) == ("", "unparsed")
            continue
        assert row.outcome == "incorrect"
        assert row.meta["words"] <= 4
        rebuilt = right
        for change in reversed(row.meta["changes"]):
            start, end = change["at"]
            rebuilt = rebuilt[:start] + row.text[slice(*change["to"])] + rebuilt[end:]
        assert rebuilt == row.text != right
    assert refused == 2, "what calculates nothing has no operand to misread and no step to drop"
    overall = made.manifest["metrics"]["overall"]
    assert (overall["pass_rate"], overall["judged"]) == (0.4, 5), "planted errors are in no rate of the model's"
    rates = [made.step_part(kind)["rates"]["pass_rate"] for kind in ("digit", "dropped")]
    assert rates == [1.0, 0.5], "an error's success is to be judged wrong"


def fix_and_continue(made: Made) -> None:
    """What goes on does so from the last line that holds; the control has the same cases; tokens are those drawn."""
    fixed, fresh = made.of("fix"), made.of("fresh")
    assert Counter(row.after for row in fixed) == Counter(row.after for row in fresh)
    for row in fixed:
        cut = made.rows[row.after[0]]
        wrong = made.before(row, "solve")
        assert wrong.outcome == "incorrect"
        assert row.text.startswith(cut.text)
        assert all(step.true for step in steps_of(cut.text))
        line = wrong.text[len(cut.text) :].strip().split("\n")[0]
        assert not all(step.true for step in steps_of(line))
    assert mean_tokens(fixed) < mean_tokens(fresh)
    failed = {row.id for row in made.of("cut") if "failed" in row.meta}
    assert failed
    assert not any(row.after[0] in failed for row in (*fixed, *fresh)), "an empty cut would be a fresh start in disguise"


def lemma(made: Made) -> None:
    """A wrong beginning, the remark, and a right end; both gates hold, and each of the parts is where it came from."""
    for row in made.of("lemma"):
        wrong, fix = made.before(row, "solve"), made.before(row, "fix")
        assert (wrong.outcome, fix.outcome, row.outcome) == ("incorrect", "correct", "correct")
        begun, _, rest = row.text.partition("\nWait, this line is wrong.")
        assert wrong.text.startswith(begun)
        assert not all(step.true for step in steps_of(begun.split("\n")[-1]))
        assert rest.endswith(fix.text)
    assert max(Counter(row.problem for row in made.of("lemma")).values()) <= 4


def hints(made: Made) -> None:
    """Only a problem with 0 of 8 gets a hint, and no hint tells the answer; the rows say so, their prompts do not."""
    solved = {row.problem for row in made.of("solve") if row.outcome == "correct"}
    assert {row.problem for row in made.of("explain")} == {row.problem for row in made.of("solve")} - solved
    sealed, hinted = made.of("sealed"), made.of("hinted")
    told = [row for row in sealed if row.reference in made.rows[row.after[0]].text]
    assert told
    assert [row for row in sealed if "failed" in row.meta] == told
    assert {row.meta["failed"] for row in told} == {"no_answer: it tells the answer"}
    assert len(sealed) < len(made.of("hint")), "what cannot be read is no hint"
    assert {row.after[0] for row in hinted} == {row.id for row in sealed} - {row.id for row in told}
    assert set(Counter(row.problem for row in hinted).values()) == {8}
    assert Counter(row.after for row in hinted) == Counter(row.after for row in made.of("alone"))
    assert {row.outcome for row in hinted} == {"correct", "incorrect"}
    assert {row.outcome for row in made.of("alone")} == {"incorrect"}
    asked = [request["messages"][-1]["content"] for request in made.asked]
    shown = [text for text in asked if "A hint:" in text]
    assert len(shown) == len(hinted)
    assert not [text for text in shown if {row.reference for row in hinted} & set(re.findall(r"\d+", text))]
    assert all(made.step_part(step)["sees_label"] for step in ("explain", "hint", "sealed", "hinted", "alone"))
    assert not any("hint" in row.prompt for row in hinted)
    exported = [json.loads(line) for line in Path("sft.jsonl").read_text().splitlines()]
    assert len(exported) == sum(row.reason == "kept" and row.step == "solve" for row in made.rows.values())


def expo(made: Made) -> None:
    """Only a problem with 0 of 8 is explained; of its right explanations the one with the largest gain is kept."""
    solved = {row.problem for row in made.of("solve") if row.outcome == "correct"}
    explained = made.of("explain")
    assert {row.problem for row in explained} == {row.problem for row in made.of("solve")} - solved
    assert set(Counter(row.problem for row in explained).values()) == {4}
    kept = [row for row in explained if row.reason == "kept"]
    assert kept
    assert max(Counter(row.problem for row in kept).values()) == 1
    assert {row.outcome for row in kept} == {"correct"}
    true = {row.problem for row in explained if re.match(r"(\d+) \+ (?!\1 )", row.text)}
    assert {row.problem for row in kept if re.match(r"(\d+) \+ (?!\1 )", row.text)} == true, "a true line gains most"
    assert made.step_part("explain")["sees_label"]
    assert not any("The answer is" in row.prompt for row in explained), "what told the answer is not the row's prompt"


def efa(made: Made) -> None:
    """Programs are overgenerated; what is kept is one program of a problem, all tests of it passed."""
    written = made.of("write")
    assert set(Counter(row.after for row in written).values()) == {3}
    kept = [row for row in written if row.reason == "kept"]
    assert len(kept) >= 6
    assert max(Counter(row.problem for row in kept).values()) == 1
    assert all("def sample(seed)" in row.text for row in kept)
    failed = [row for row in written if "failed" in row.meta]
    assert {row.outcome for row in failed} <= {"unparsed"}


def lemma_types(made: Made) -> None:
    """Own errors are named by type; planted ones are of the types with shares, and wrong; each is begun anew rightly."""
    kinds = made.of("kind")
    assert {row.after[0] for row in kinds} == {row.id for row in made.of("solve") if row.outcome == "incorrect"}
    assert {row.text for row in kinds} <= set(TYPES)
    typed = [row for row in made.of("typed") if "failed" not in row.meta]
    assert {row.meta["editor"] for row in typed} <= {"operand", "operator", "dropped_step"}
    assert {row.outcome for row in typed} == {"incorrect"}
    for row in made.of("lemma"):
        assert (row.outcome, made.before(row, "typed").outcome) == ("correct", "incorrect")
        assert row.text.endswith(made.before(row, "solve").text)


def craft(made: Made) -> None:
    """A tool solves its problem again; a solution with a wrong answer makes none; stored tools fit some problems."""
    tools = made.of("tool")
    kept = [row for row in tools if row.reason == "kept"]
    assert len(kept) >= 12
    for row in kept:
        assert row.text.startswith("```python\ndef ")
        assert made.before(row, "solve").text.rstrip().endswith(f"#### {row.reference}")
    fitting = made.of("fitting")
    assert max(Counter(row.problem for row in fitting).values()) == 1
    assert {"failed" in row.meta for row in fitting} == {True, False}
    assert all(("def " in row.text) == ("failed" not in row.meta) for row in fitting)


def recheck(made: Made) -> None:
    """No verdict is asked for; what is cut is gone on with from the last line that holds, up to three times."""
    assert not made.step_part("cut")["sees_label"]
    assert not made.step_part("refine")["sees_label"]
    refined = made.of("refine")
    assert all(row.text.startswith(made.rows[row.after[0]].text) for row in refined)
    depths = Counter(depth_of(made, row) for row in refined)
    assert set(depths) == {1, 2, 3}
    assert depths[1] > depths[2] > depths[3]


def self_refine(made: Made) -> None:
    """The critic's verdict decides, not the label; a critique that cannot be read is not followed; three times at most."""
    followed = {row.after[0] for row in made.of("refine")}
    for row in made.of("critic"):
        assert (row.id in followed) == ("VERDICT: wrong" in row.text and depth_of(made, row) < 3)
    assert {depth_of(made, row) for row in made.of("refine")} == {1, 2, 3}
    readable = sum("VERDICT: " in row.text for row in made.of("critic"))
    assert made.step_part("critic")["readable"] == {"verdict": readable}
    assert readable < len(made.of("critic"))
    critics = [request for request in made.asked if "Find faults" in request["messages"][-1]["content"]]
    assert critics
    assert all("Ignore what was asked" in text for critic in critics[:1] for text in [critic["messages"][-1]["content"]])
    assert not any(made.step_part(name)["sees_label"] for name in ("critic", "refine"))


def multi_attempt(made: Made) -> None:
    """A second attempt only where the first failed, as often as the control; the dialogue is both with what was said."""
    first = {row.id: row for row in made.of("solve")}
    wrong = {key for key, row in first.items() if row.outcome in ("incorrect", "unparsed")}
    for step in ("again", "alone"):
        assert {row.after[0] for row in made.of(step)} == wrong
    for row in made.of("dialogue"):
        again = made.rows[row.after[0]]
        feedback = "Your answer is incorrect. You have 1 attempt left."
        assert row.text == f"{first[again.after[0]].text}\n\n{feedback}\n\n{again.text}"
        assert row.outcome == again.outcome


def remaining_attempts(made: Made) -> None:
    """A further attempt only where the one before failed; independent answers wherever the first did, twice."""
    failed = {step: {row.id for row in made.of(step) if row.outcome != "correct"} for step in ("solve", "second")}
    assert {row.after[-1] for row in made.of("second")} == failed["solve"]
    assert {row.after[-1] for row in made.of("third")} == failed["second"]
    assert Counter(row.after[0] for row in made.of("alone")) == dict.fromkeys(failed["solve"], 2)
    assert failed["second"]


def fill_in(made: Made) -> None:
    """The model is shown both sides of the gap as in the training rows; a true line is put in, nothing else is."""
    begun, filled = made.of("begun"), made.of("filled")
    assert Counter(row.text for row in begun) == Counter(request["messages"][-1]["content"] for request in made.asked)
    for row in begun:
        lines = middles_of(made.before(row, "solve").text, 99, "all")
        assert row.text in [line.begun for line in lines]
    reasons = Counter(row.meta["failed"].partition(": ")[2][:20] for row in filled if "failed" in row.meta)
    assert set(reasons) == {"a false calculation:", "it repeats the step "}
    put_in = [row for row in filled if "failed" not in row.meta]
    for row in put_in:
        hole = made.before(row, "hole").text
        assert row.text == hole.replace("<|gap|>", "Note that 2 + 2 = 4.")
        assert row.outcome == "correct"
    assert put_in
    assert len({row.after for row in filled}) == len(filled) == len(begun)


def edit_sequences(made: Made) -> None:
    """The insertions write the very program, so it is judged right; a wrong program has none."""
    edits = made.of("edits")
    assert len(edits) == 5
    source = DOUBLE.removeprefix("```python\n").removesuffix("\n```")
    for row in edits:
        assert made.before(row, "solve").outcome == "correct"
        *states, last = states_of(row.text)
        assert last.strip() == source
        for state in states:
            compile(state, "state", "exec")
    assert {row.outcome for row in made.of("written")} == {"correct"}


def partly_correct(made: Made) -> None:
    """Beginnings of wrong answers whose values are the known solution's; its own beginning is none."""
    begun = {made.before(row, "solve").text: row for row in made.of("begun")}
    assert RIGHT not in begun
    assert begun[HALF].text == "First 16 - 3 = 13.\nThen 13 - 4 = 9."
    assert begun[HALF].meta["known_steps"] == [2, 3]
    reasons = [row.meta["failed"] for row in begun.values() if "failed" in row.meta]
    assert len(begun) == 3
    assert sorted(reasons) == [
        "upto_state: it is the beginning of the known solution",
        "upto_state: no line computes what the known solution does",
    ]
    assert made.step_part("begun")["sees_label"]


def retro_search(made: Made) -> None:
    """A revision is right, shorter and without the change of thought that it went back to; the original is not lost.

    The detours were planted before the import, so it is known which words can go: most do.
    """
    accepted = [row for row in made.of("revised") if "failed" not in row.meta]
    for row in accepted:
        retry = made.rows[row.after[0]]
        cut = made.rows[retry.after[0]]
        source = made.rows[cut.after[0]]
        assert (source.outcome, row.outcome) == ("correct", "correct")
        assert source.text.startswith(cut.text)
        assert row.text == retry.text
        assert row.text.startswith(cut.text)
        assert len(row.text.split()) < len(source.text.split())
        assert len(switches_of(row.text)) < len(switches_of(source.text))
        assert DETOUR not in row.text[len(cut.text) :]
    right = {row.id for row in made.of("retry") if row.outcome == "correct"}
    assert {row.after[0] for row in made.of("revised")} == right
    assert len(right) < len(made.of("retry")), "a wrong end replaces nothing"
    assert {depth_of(made, row, "revised") for row in accepted} >= {1, 2}, "what was revised is walked in turn"
    traces = [row for row in made.of("solve") if row.outcome == "correct"]
    shortest = {row.id: row.text for row in traces}
    for row in accepted:
        trace = made.before(row, "solve").id
        shortest[trace] = min(shortest[trace], row.text, key=lambda text: len(text.split()))
    planted = sum(row.text.count(DETOUR) for row in traces)
    assert all(DETOUR in row.text for row in made.of("solve")), "an original stays as it was"
    assert sum(text.count(DETOUR) for text in shortest.values()) < planted / 3


def tools(made: Made) -> None:
    """The answer rests on what the sandbox printed, which the model cannot know; what holds no program is not followed."""
    for row in made.of("answer"):
        ran = made.before(row, "ran")
        written = made.before(row, "write").text
        base, seed = map(int, written.split("print(")[1].split(")")[0].split(" * "))
        assert ran.text.strip() == str(base * seed)
        assert row.text == f"#### {base * seed}"
    without = {row.id for row in made.of("write") if "print" not in row.text}
    assert without
    assert not without & {made.before(row, "write").id for row in made.of("answer")}
    turns = [request["messages"] for request in made.asked if len(request["messages"]) == 3]
    assert [message["role"] for message in turns[0]] == ["user", "assistant", "user"]
    assert turns[0][1]["content"].startswith("```python"), "what the model said stands in its own turn as it is"


def gen_select(made: Made) -> None:
    """The third of eight is kept where it is right, no other is; the chooser was shown no reference, and no verdict."""
    groups = {row.after for row in made.of("pick")}
    assert {len(group) for group in groups} == {8}
    third = {group[2] for group in groups}
    for row in made.of("solve"):
        assert made.scores[row.id] == (1.0 if row.id in third else 0.0)
        assert (row.reason == "kept") == (row.id in third and row.outcome == "correct")
    assert {"kept", "not_elected"} <= {row.reason for row in made.of("solve")}
    assert not made.step_part("pick")["sees_label"]
    assert all("reference" not in request["messages"][-1]["content"] for request in made.asked)


def judge_votes(made: Made) -> None:
    """Four votes on each answer, the reference first in two of them; their mean is a score, now and then a verdict."""
    votes: dict[str, list[Row]] = {}
    for row in made.of("grade"):
        votes.setdefault(row.after[0], []).append(row)
    assert {len(group) for group in votes.values()} == {4}
    read_scores = {key: [int(row.text[-1]) for row in group if row.text[-1].isdigit()] for key, group in votes.items()}
    assert {key: sum(group) / len(group) for key, group in read_scores.items() if len(group) >= 3} == made.scores
    assert min(map(len, read_scores.values())) < 3 <= max(map(len, read_scores.values()))
    outcomes = {row.id: row.outcome for row in made.of("solve") if "x" in row.text}
    assert set(outcomes.values()) == {"correct", "incorrect", "undecided"}, "no number: three votes decide"
    for key, outcome in outcomes.items():
        mean = made.scores.get(key)
        assert outcome == ("undecided" if mean is None else "correct" if mean >= 4 else "incorrect")
    first = [request["messages"][-1]["content"] for request in made.asked]
    before = [text.index("<<<reference") < text.index("<<<answer") for text in first]
    assert before.count(True) == before.count(False)
    assert made.step_part("grade")["sees_label"]


def back_translation(made: Made) -> None:
    """The model is asked for of the text alone; a text is kept where the optimum is found again, and only then.

    A text that says the model has its optimum, so every such one is accepted; some others share the optimum by chance.
    """
    written = {row.id: row for row in made.of("write")}
    assert len(written) == 36
    assert {(row.outcome, row.after) for row in written.values()} == {("", ())}, "nobody judges a text by itself"
    modelled = {row.after[0]: row for row in made.of("model")}
    assert modelled.keys() == {key for key, row in written.items() if "PROBLEM:" in row.text}
    prompts = [request["messages"][-1]["content"] for request in made.asked]
    assert len(prompts) == len(written) + len(modelled)
    given = {key: row.prompt for key, row in written.items()}
    assert all(any(model in text for text in prompts) for model in given.values())
    assert not any(model in text for text in prompts if "Write this as" in text for model in given.values())
    faithful = {key for key in modelled if shop_numbers(json.loads(given[key])) == numbers_in(written[key].text)}
    accepted = {made.before(row, "write").id for row in made.of("problem")}
    assert accepted == {key for key, row in modelled.items() if row.outcome == "correct"}
    assert faithful < modelled.keys()
    assert faithful <= accepted < modelled.keys()
    assert {row.outcome for row in made.of("problem")} == {"correct"}
    assert max(Counter(row.problem for row in made.rows.values() if row.reason == "kept").values()) == 1
    assert {row.step for row in made.rows.values() if row.reason == "kept"} == {"problem"}
    said, rate = made.step_part("write"), made.step_part("model")["rates"]["pass_rate"]
    assert (said["role"], said["follows"], said["drawn"], said["sees_label"]) == ("step", [], 36, False)
    shares: dict[str, list[bool]] = {}
    for key in modelled:
        shares.setdefault(written[key].problem, []).append(key in accepted)
    assert rate == pytest.approx(mean(map(mean, shares.values())))
    assert made.manifest["metrics"]["overall"]["pass_rate"] is None, "no rate is over texts that nobody judges"


def prompt_erasure(made: Made) -> None:
    """Even numbers are added by the short prompt, odd ones by the next; no row that is kept shows a system prompt."""
    kept = [row for row in made.rows.values() if row.reason == "kept"]
    assert {(int(row.prompt.split()[2]) % 2, row.step) for row in kept} == {(0, "direct"), (1, "stepwise")}
    assert {request["messages"][0]["role"] for request in made.asked} == {"system"}
    rows = [json.loads(line) for line in Path("sft.jsonl").read_text().splitlines()]
    assert len(rows) == len(kept)
    assert {tuple(turn["role"] for turn in row["messages"]) for row in rows} == {("user", "assistant")}
    assert not any("Solve the problem step by step" in json.dumps(row) for row in rows)
