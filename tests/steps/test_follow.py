"""What follows what: chains, conditions, groups, repeated steps, and that nothing is asked twice."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.roles.tallies import Draw
from rollmill.steps.follow import Link, Threads, follow_ups, nearest_answer
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.steps.reading import fields_of
from rollmill.steps.step_template import Facts

PROBLEM = "p"
LEMMA = StepGraph(
    [
        StepRule("solve"),
        StepRule("mark", "{prompt}\n{solve}", when={"solve": ["incorrect"]}, role="step", read={"step": r"STEP (\d+)"}),
        StepRule("cut", "{solve}", role="step", options={"step": "{mark.step}"}, raw=True),
        StepRule("fix", "{prompt}\n{reference}\n{cut}", count=2),
        StepRule("lemma", "{cut}\nStep {mark.step} is wrong.\n{fix}", raw=True),
    ]
)


def after(graph: StepGraph, links: Sequence[Link], **known: Facts) -> list[Draw]:
    facts = {(link.id, PROBLEM): known.get(link.id, Facts()) for link in links}
    return list(follow_ups(graph, PROBLEM, links, facts))


def drawn(draws: Sequence[Draw], names: Iterator[str] | None = None) -> list[Link]:
    """The links that these draws become."""
    made = []
    for draw in draws:
        for index in range(draw.count):
            name = next(names) if names else f"{draw.step}-{'+'.join(draw.after)}-{index}"
            made.append(Link(name, draw.step, draw.after))
    return made


def test_parents_are_the_named_steps_that_no_other_named_one_rests_on() -> None:
    assert {name: node.parents for name, node in LEMMA.nodes.items()} == {
        "solve": (),
        "mark": ("solve",),
        "cut": ("mark",),
        "fix": ("cut",),
        "lemma": ("fix",),
    }
    assert LEMMA.roots == ("solve",)
    assert LEMMA.answers == {"solve", "fix", "lemma"}
    assert [name for name, node in LEMMA.nodes.items() if node.sees_label] == ["mark", "cut", "fix", "lemma"]


def test_a_chain_is_followed_step_by_step() -> None:
    links = [Link("s1", "solve"), Link("s2", "solve")]
    known = {"s1": Facts("correct"), "s2": Facts("incorrect")}
    first = after(LEMMA, links, **known)
    assert first == [Draw(PROBLEM, 0, 1, "mark", ("s2",))]
    links += [Link("m", "mark", ("s2",))]
    known["m"] = Facts(fields={"step": "3"})
    assert after(LEMMA, links, **known) == [Draw(PROBLEM, 0, 1, "cut", ("m",))]
    links += [Link("c", "cut", ("m",))]
    assert after(LEMMA, links, **known) == [Draw(PROBLEM, 0, 2, "fix", ("c",))]
    links += [Link("f0", "fix", ("c",)), Link("f1", "fix", ("c",))]
    last = after(LEMMA, links, **known)
    assert last == [Draw(PROBLEM, 0, 1, "lemma", ("f0",)), Draw(PROBLEM, 0, 1, "lemma", ("f1",))]
    links += drawn(last)
    assert after(LEMMA, links, **known) == []
    assert Threads(LEMMA, links).leaf("lemma-f1-0").thread == {
        "solve": "s2",
        "mark": "m",
        "cut": "c",
        "fix": "f1",
        "lemma": "lemma-f1-0",
    }


def test_a_completion_of_which_a_needed_field_cannot_be_read_is_not_followed() -> None:
    links = [Link("s", "solve"), Link("m", "mark", ("s",))]
    assert after(LEMMA, links, s=Facts("incorrect")) == []


def test_most_counts_followed_completions_of_a_problem_over_all_rounds() -> None:
    graph = StepGraph([StepRule("solve"), StepRule("again", "{prompt}{solve}", most=2)])
    links = [Link("a", "solve")]
    first = after(graph, links)
    links += [*drawn(first), Link("b", "solve"), Link("c", "solve")]
    assert [draw.after for draw in after(graph, links)] == [("b",)]


def test_groups_are_of_completions_in_plan_order_and_never_change() -> None:
    graph = StepGraph(
        [StepRule("solve"), StepRule("pick", "{prompt}\n{solve*}", role="vote", gather=2, count=3, read={"best": r"(\d)"})]
    )
    links = [Link(name, "solve") for name in "abc"]
    first = after(graph, links)
    assert first == [Draw(PROBLEM, 0, 3, "pick", ("a", "b"))]
    links += [*drawn(first), Link("d", "solve"), Link("e", "solve")]
    assert [draw.after for draw in after(graph, links)] == [("c", "d")]


def test_a_group_of_failures_is_a_hopeless_problem() -> None:
    """0 of 4: a hint is given where so many completions are wrong, and nowhere else."""
    graph = StepGraph(
        [
            StepRule("solve"),
            StepRule("hint", "{prompt}\n{reference}", gather=4, most=1, when={"solve": ["incorrect", "unparsed"]}),
        ]
    )
    links = [Link(name, "solve") for name in "abcd"]
    wrong = {name: Facts("incorrect") for name in "abcd"}
    assert [draw.after for draw in after(graph, links, **wrong)] == [("a", "b", "c", "d")]
    assert after(graph, links, **{**wrong, "c": Facts("correct")}) == []


@pytest.mark.parametrize("repeat", [0, 1, 2])
def test_a_repeated_step_stands_for_the_answer_that_it_was_given(repeat: int) -> None:
    """It follows an answer once, and its own results as often as it may repeat."""
    graph = StepGraph(
        [
            StepRule("solve"),
            StepRule("critic", "{prompt}{solve}", role="step", read={"verdict": r"(\w+)"}),
            StepRule("refine", "{prompt}{solve}{critic}", when={"critic.verdict": ["wrong"]}, repeat=repeat),
        ]
    )
    links = [Link("s", "solve")]
    known: dict[str, Facts] = {}
    asked = []
    for _ in range(8):
        new = drawn(after(graph, links, **known))
        links += new
        known |= {link.id: Facts(fields={"verdict": "wrong"}) for link in new if link.step == "critic"}
        asked += [link.step for link in new]
    assert asked == ["critic", "refine"] * (repeat + 1)
    last = Threads(graph, links).leaf(links[-1].id)
    given = [link.id for link in links if link.step in ("solve", "refine")]
    assert last.thread["solve"] == given[-2]
    assert last.depth == (repeat + 1 if repeat else 0)


@pytest.mark.parametrize("place", ["{solve}", "{solve.answer}"])
@pytest.mark.parametrize("own", [{}, {"answer": r"so (\w+)"}])
def test_the_fields_of_a_repeated_step_stand_for_those_of_the_answer(place: str, own: dict[str, str]) -> None:
    """The answer's reader reads its stand-in too; a pattern that the repeated step has of the same name is used first."""
    graph = StepGraph(
        [
            StepRule("solve", read={"answer": r"is (\w+)", "unit": r"in (\w+)"}),
            StepRule("again", f"{{prompt}} {place}", when={"solve.unit": ["km"]}, read=own, repeat=2),
            StepRule("note", "{again.unit}", role="step", raw=True),
        ]
    )
    assert graph.nodes["again"].reads == {"answer": r"is (\w+)", "unit": r"in (\w+)", **own}
    assert "again" in graph.steps_read
    links, known = [Link("s", "solve")], {"s": Facts(fields=fields_of("is 7 in km", graph.nodes["solve"].reads))}
    for _ in range(6):
        new = drawn(after(graph, links, **known))
        links += new
        reads = graph.nodes["again"].reads
        known |= {link.id: Facts(fields=fields_of("so 8 is 9 in km", reads)) for link in new if link.step == "again"}
    assert Counter(link.step for link in links) == {"solve": 1, "again": 3, "note": 3}
    assert {known[link.id].fields["answer"] for link in links if link.step == "again"} == {"8" if own else "9"}


def test_a_pair_follows_the_only_answer_before_it_or_the_one_that_is_named() -> None:
    grade = StepRule("grade", "{prompt}\n{pair}", role="vote", count=2)
    graph = StepGraph([StepRule("solve"), StepRule("note", "{solve}", role="step"), grade])
    assert (graph.nodes["grade"].parents, graph.nodes["grade"].sees_label) == (("solve",), True)
    assert after(graph, [Link("s", "solve")])[-1] == Draw(PROBLEM, 0, 2, "grade", ("s",))
    named = replace(grade, when={"fix.truncated": ["no"]})
    assert StepGraph([StepRule("solve"), StepRule("fix", "{solve}"), named]).nodes["grade"].parents == ("fix",)


def test_parents_of_one_thread_meet_and_others_do_not() -> None:
    """Two judges of the same answer are read together, those of two answers never."""
    graph = StepGraph(
        [
            StepRule("solve"),
            StepRule("first", "{prompt}{solve}", role="step"),
            StepRule("second", "{reference}{solve}", role="step"),
            StepRule("both", "{prompt}{first}{second}"),
        ]
    )
    links = [Link("a", "solve"), Link("b", "solve")]
    for _ in range(2):
        new = after(graph, links)
        links += drawn(new)
    both = [link for link in links if link.step == "both"]
    assert [link.after for link in both] == [("first-a-0", "second-a-0"), ("first-b-0", "second-b-0")]


def test_what_was_planned_says_what_comes_next_whatever_the_order_of_asking() -> None:
    """Follow-ups of two rounds at once are those of one after the other."""
    links = [Link(f"s{n}", "solve") for n in range(6)]
    wrong = {link.id: Facts("incorrect") for link in links}
    at_once = after(LEMMA, links, **wrong)
    half = drawn(after(LEMMA, links[:3], **wrong))
    rest = after(LEMMA, [*links[:3], *half, *links[3:]], **wrong)
    assert [draw.after for draw in at_once] == [link.after for link in half] + [
        draw.after for draw in rest if draw.step == "mark"
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([StepRule("solve"), StepRule("solve")], "two steps are named 'solve'"),
        ([StepRule("prompt")], "a place of templates"),
        ([StepRule("solve", "Say something.")], "names neither {prompt} nor an earlier step"),
        ([StepRule("solve", gather=2)], "gather belongs to a follow-up"),
        ([StepRule("solve", role="vote")], "role: vote belongs to a follow-up"),
        ([StepRule("solve"), StepRule("x", "{prompt}{solve.verdict}")], "which is not read"),
        ([StepRule("solve"), StepRule("x", "{prompt}{solve*}")], "no gather"),
        ([StepRule("solve", role="step"), StepRule("x", "{prompt}{pair}")], "no earlier step is an answer"),
        ([StepRule("solve"), StepRule("fix", "{solve}"), StepRule("x", "{pair}")], "the earlier answers are solve, fix"),
        ([StepRule("solve", role="step"), StepRule("x", "{solve}", role="vote")], "no answer that its votes"),
        ([StepRule("solve"), StepRule("x", "{solve}{solve*}", gather=2)], "a step has many completions there"),
        ([StepRule("solve"), StepRule("x", "{solve}", when={"slove": ["correct"]})], "unknown step in `when`"),
        ([StepRule("solve"), StepRule("x", "{solve}", when={"solve": ["right"]})], "unknown outcome"),
        (
            [StepRule("solve"), StepRule("c", "{solve}", role="step"), StepRule("x", "{c}", when={"c": ["correct"]})],
            r"which is not judged \(role step\)",
        ),
        (
            [StepRule("solve"), StepRule("c", "{solve}", role="step"), StepRule("x", "{c}", repeat=2)],
            "no step of role answer",
        ),
    ],
)
def test_steps_that_cannot_be_drawn_are_mistakes(steps: list[StepRule], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        StepGraph(steps)


def test_a_later_step_cannot_be_named() -> None:
    with pytest.raises(SetupError, match="step 'first' names 'second', which comes after it"):
        StepGraph([replace(StepRule("first"), template="{second}"), StepRule("second")])


def test_an_edited_text_is_made_of_the_text_that_its_template_names() -> None:
    """`cut` follows `mark`, and cuts what `solve` gave: who goes on from it was asked what `solve` was asked."""
    links = [Link("s", "solve"), Link("m", "mark", ("s",)), Link("c", "cut", ("m",)), Link("f", "fix", ("c",))]
    threads = Threads(LEMMA, links)
    assert threads.before("cut", ("m",)) == {"solve": "s", "mark": "m"}
    assert threads.source("cut", ("m",)) == "s"
    assert threads.source("mark", ("s",)) == "s"
    assert threads.source("lemma", ("f",)) == "c"


def test_a_bare_no_of_yaml_is_no_and_another_word_is_a_mistake() -> None:
    """YAML reads a bare `no` as false, which no text is ever `truncated` by: the step would silently follow nothing."""
    rules = [StepRule("solve"), StepRule("again", "{prompt} {solve}", when={"solve.truncated": ["false"]})]
    whole, cut = Link("a", "solve"), Link("b", "solve")
    assert [one.after for one in after(StepGraph(rules), [whole, cut], b=Facts(truncated=True))] == [("a",)]
    with pytest.raises(SetupError, match=r"value .never. of solve.truncated in `when` of step .again."):
        StepGraph([rules[0], replace(rules[1], when={"solve.truncated": ["never"]})])


def test_a_step_that_puts_in_the_worked_solution_sees_labels() -> None:
    graph = StepGraph([StepRule("solve"), StepRule("told", "{solve} {solution}"), StepRule("blind", "{solve} again")])
    assert {name: node.sees_label for name, node in graph.nodes.items()} == {"solve": False, "told": True, "blind": False}


def placed(*links: Link) -> dict[tuple[str, str], Link]:
    return {(link.id, PROBLEM): link for link in links}


def test_a_completion_is_about_the_nearest_answer_before_it() -> None:
    rows = placed(
        Link("a", "solve"),
        Link("b", "check", ("a",)),
        Link("c", "note", ("b", "a")),
        Link("d", "again", ("c",)),
        Link("e", "pick", ("d", "a")),
    )
    assert {cid: nearest_answer(cid, PROBLEM, rows, {"solve", "again"}) for cid, _ in rows} == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
        "e": "d",
    }


def test_a_piece_of_a_search_is_about_none() -> None:
    rows = placed(Link("a", "piece"), Link("b", "next", ("a",)), Link("c", "answer", ("b",)))
    assert nearest_answer("b", PROBLEM, rows, {"answer"}) is None
