"""Comparisons against values computed by hand, and what the table of all models claims."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pytest

from rollmill.flows.cli.look.compare import _comparison as compare_words
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.pool import KEPT, STATES, Pool
from rollmill.storage.queries.comparisons.comparison import ComparisonRequest, compare, leaderboard, paired
from rollmill.storage.queries.comparisons.sides import Side
from rollmill.storage.queries.comparisons.undecided import difference_words, undecided_words


def side(
    model: str,
    correct: Mapping[str, Sequence[bool | None]],
    benchmark: str = "b",
    templates: dict[str, str] | None = None,
    tokens: int = 10,
) -> Side:
    """A side whose problems have these outcomes, sample by sample, each completion of that many tokens; None: undecided."""
    rows = [(place, index, right) for place, key in enumerate(correct) for index, right in enumerate(correct[key])]
    n = len(rows)
    column = np.array
    empty = np.full(n, -1)
    template = tuple((templates or {}).get(key) for key in correct)
    pool = Pool(
        problems=tuple(correct),
        strata={"level": tuple(len(key) for key in correct), "template": template, "skill": template, "source": template},
        problem=column([place for place, _, _ in rows]),
        completion=np.arange(n),
        index=column([index for _, index, _ in rows]),
        outcome=column([STATES.index({YES: "correct", NO: "incorrect", None: "undecided"}[right]) for *_, right in rows]),
        in_prefix=np.ones(n, dtype=bool),
        step=np.zeros(n, dtype=np.int64),
        kept=np.full(n, KEPT),
        reason=empty,
        model=np.zeros(n, dtype=np.int64),
        answer=empty,
        tokens=np.full(n, tokens),
        models=(model,),
    )
    return Side(model, benchmark, model, pool)


YES, NO = True, False


def test_undecided_completions_are_told_with_the_difference_either_way() -> None:
    first = side("old", {"p": [NO], "q": [YES], "r": [None], "s": [YES]})
    second = side("new", {"p": [YES], "q": [None], "r": [YES], "s": [YES]})
    [row] = compare({"b": first}, {"b": second}, ComparisonRequest())
    assert (row["problems"], row["only_before"], row["only_after"], row["undecided"]) == (2, 0, 0, 2)
    assert (row["difference"], row["undecided_bounds"]) == (0.5, [0.0, 0.5])
    assert difference_words(row) in compare_words(row)
    assert difference_words(row).endswith("the difference lies between +0.000 and +0.500")
    cells = leaderboard([first, second])["cells"]
    assert [(cell["problems"], cell["value"], cell["undecided_bounds"]) for cell in cells] == [
        (3, digits(2 / 3), [0.5, 0.75]),
        (3, 1.0, [0.75, 1.0]),
    ]
    assert undecided_words(cells[0]) == "1 undecided, in no rate; the rate is 0.500 if all are wrong, 0.750 if right"
    assert [row["undecided_bounds"] for row in compare({"b": first}, {"b": first}, ComparisonRequest())] == [None]


def test_a_comparison_is_over_the_problems_that_both_have_with_equally_many_completions() -> None:
    first = side("old", {"p": [NO, NO, YES, YES], "qq": [YES, YES, YES, YES], "only-old": [NO] * 4})
    second = side("new", {"qq": [YES, NO], "p": [YES, YES], "only-new": [YES, YES], "and-another": [NO, NO]})
    [row] = compare({"b": first}, {"b": second}, ComparisonRequest(by=["level"]))
    assert (row["problems"], row["only_before"], row["only_after"]) == (2, 1, 2)
    assert (row["before"]["completions"], row["after"]["completions"]) == (2, 2)
    assert (row["value_before"], row["value_after"], row["difference"]) == (0.5, 0.75, 0.25)
    assert row["flipped"] == {"better": 1, "worse": 1, "same": 0, "most_better": ["p"], "most_worse": ["qq"]}
    assert [(part["group"], part["difference"]) for part in row["strata"]["level"]] == [(1, 1.0), (2, -0.5)]
    [every] = compare({"b": first}, {"b": second}, ComparisonRequest(all_samples=True))
    assert every["value_before"] == 0.75


def test_pass_at_k_is_that_of_every_subset() -> None:
    first, second = side("old", {"p": [YES, NO, NO]}), side("new", {"p": [YES, YES, NO]})
    pairing = paired(first, second, k=2)
    subsets = [(0, 1), (0, 2), (1, 2)]
    for values, outcomes in ((pairing.before, [YES, NO, NO]), (pairing.after, [YES, YES, NO])):
        assert values[0] == pytest.approx(np.mean([any(outcomes[at] for at in pair) for pair in subsets]))
    with pytest.raises(SetupError, match="pass@4 is undefined for 1 of 1 problems"):
        paired(first, second, k=4)


def test_the_test_is_of_clusters_and_agrees_with_the_interval() -> None:
    before = {f"p{n}": [NO] for n in range(16)}
    after = {f"p{n}": [n < 13] for n in range(16)}
    templates = {f"p{n}": f"t{n // 2}" for n in range(16)}
    [row] = compare(
        {"b": side("old", before, templates=templates)}, {"b": side("new", after, templates=templates)}, ComparisonRequest()
    )
    sums = [2, 2, 2, 2, 2, 2, 1, 0]
    flips = [abs(sum(sign * size for sign, size in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=8)]
    assert row["clusters"] == 8
    assert row["p"] == pytest.approx(np.mean([flip >= 13 for flip in flips])) == 1 / 64
    assert row["low"] > 0.0
    assert row["decision"].startswith("new is better by 0.812; a true difference of ")


def halves(n: int, more: int) -> dict[str, list[bool]]:
    """So many problems of four completions, half of them right, and all of the first ones."""
    return {f"p{at}": [YES, YES, at < more, at < more] for at in range(n)}


def test_a_decision_is_a_sentence() -> None:
    def said(first: Side, second: Side, margin: float | None = None) -> str:
        [row] = compare({"b": first}, {"b": second}, ComparisonRequest(margin=margin))
        return str(row["decision"])

    old = side("old", halves(40, 0))
    assert said(old, side("new", halves(40, 30))).startswith(
        "new is better by 0.375; a true difference of 0.099 would have been seen"
    )
    assert said(side("new", halves(40, 30)), old).startswith("new is better by 0.375")
    barely = said(old, side("new", halves(40, 6)))
    assert barely.startswith("new is better by 0.075; a true difference of this size is seen less than four times in five")
    few = said(old, side("new", halves(40, 5)))
    assert few.startswith("undecided: a true difference of 0.")
    assert said(old, old) == "old is compared with itself: all differences are 0, and nothing is tested"
    same = "old and new have the same rate on each of the 40 problems, as runs have that share their completions"
    assert said(old, side("new", halves(40, 0))) == same
    assert said(old, side("new", halves(40, 0)), margin=0.1) == "old and new are equal up to 0.1"
    assert said(old, side("new", halves(40, 30)), margin=0.9).startswith("new is better by 0.375, by less than 0.9; ")
    one = {f"p{n}": "t" for n in range(40)}
    alone = said(side("old", halves(40, 0), templates=one), side("new", halves(40, 9), templates=one))
    assert alone == "undecided: data like these would show no difference at all, as they have too few clusters"
    again = side("old", halves(40, 5))
    again = Side("another-run", again.benchmark, again.model, again.pool)
    assert said(again, side("old", halves(40, 30))).startswith("old is better by 0.312; ")


def test_one_find_among_many_tests_is_told() -> None:
    first = {name: side("old", halves(40, 0), name) for name in "abcdefgh"}
    second = {name: side("new", halves(40, 6 if name == "a" else 0), name) for name in "abcdefgh"}
    rows = compare(first, second, ComparisonRequest())
    assert rows[0]["p"] == pytest.approx(0.03, abs=0.01)
    assert rows[0]["decision"].startswith(f"undecided: p = {rows[0]['p']:.2g} alone is not enough among so many tests; ")


def test_not_different_is_not_equal() -> None:
    few = {f"p{n}": [n % 2 == 0] for n in range(8)}
    other = {f"p{n}": [n % 2 == 1] for n in range(8)}
    [row] = compare({"b": side("a", few)}, {"b": side("b", other)}, ComparisonRequest(margin=0.05))
    assert row["p"] > 0.5
    assert row["conclusion"] == "undecided"
    assert row["detectable"] is None or row["detectable"] > row["high"]


def test_a_difference_that_hangs_on_one_template_says_which() -> None:
    """Twenty templates of two problems: all gain a little, and one loses everything."""
    names = [f"p{n}" for n in range(40)]
    templates = {name: f"t{n // 2}" for n, name in enumerate(names)}
    before = {name: [YES, YES, NO, NO] for name in names}
    after = {name: [YES, YES, YES, NO] if n < 38 else [NO] * 4 for n, name in enumerate(names)}
    sides = ({"b": side("old", before, templates=templates)}, {"b": side("new", after, templates=templates)})
    [row] = compare(*sides, ComparisonRequest())
    assert (row["outlying"]["clusters"], row["outlying"]["difference"], row["outlying"]["others"]) == (["t19"], -0.5, 0.25)
    assert row["outlying"]["share"] == pytest.approx(0.95)
    assert f"note: {row['outlying']['note']}" in compare_words(row).splitlines()
    assert row["outlying"]["note"] == (
        "cluster t19 carries 95% of the variation between clusters (-0.500, all others +0.250)"
    )
    [alike] = compare(sides[0], sides[0], ComparisonRequest())
    assert alike["outlying"] is None


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(SetupError, match="no judged problem in common"):
        paired(side("a", {"p": [YES]}), side("b", {"q": [YES]}))
    with pytest.raises(SetupError, match="no benchmark in common"):
        compare(
            {"x": side("a", {"p": [YES]})}, {"y": side("b", {"p": [YES]}), "z": side("b", {"p": [NO]})}, ComparisonRequest()
        )


def test_a_mean_is_over_the_benchmarks_that_every_model_was_asked() -> None:
    easy = {f"e{n}": [YES] for n in range(10)}
    hard = {f"h{n}": [n < 2] for n in range(10)}
    worse = {f"h{n}": [n < 1] for n in range(10)}
    board = leaderboard([side("asked-easy", easy, "easy"), side("asked-easy", worse, "hard"), side("other", hard, "hard")])
    means = {model: (mean["value"], mean["benchmarks"]) for model, mean in board["means"].items()}
    assert means == {"asked-easy": (0.1, ["hard"]), "other": (0.2, ["hard"])}
    assert board["models"] == ["other", "asked-easy"]
    assert all(row["unbeaten"] for row in board["cells"])


def test_many_equal_models_show_no_winner() -> None:
    """28 pairs of equal models: at 5% each, one or two of them would differ; together they do not."""
    rng = np.random.default_rng(1)
    sides = [side(f"m{n}", {f"p{k}": [bool(rng.random() < 0.5)] for k in range(60)}) for n in range(8)]
    board = leaderboard(sides)
    assert len(board["tests"]) == 28
    assert not any(row["significant"] for row in board["tests"])
    assert min(row["p"] for row in board["tests"]) < 0.1


def test_two_results_of_one_model_on_one_benchmark_are_refused() -> None:
    with pytest.raises(SetupError, match="m has two results on b"):
        leaderboard([side("m", {"p": [YES]}), side("m", {"q": [YES]})])


def test_at_equal_tokens_a_model_of_long_answers_has_fewer_attempts() -> None:
    """40 tokens are four attempts of the one and one of the other: pass@1 is the same, and the first solves more."""
    short = {f"p{n}": [NO, YES, NO, YES] for n in range(12)}
    long = {f"p{n}": [YES, NO, YES, NO] for n in range(12)}
    [row] = compare({"b": side("a", short)}, {"b": side("b", long, tokens=40)}, ComparisonRequest(tokens=40))
    assert (row["difference"], row["equal_tokens"]["tokens"]) == (0.0, 40)
    assert (row["equal_tokens"]["value_before"], row["equal_tokens"]["value_after"]) == (1.0, 0.5)
    [few] = compare({"b": side("a", short)}, {"b": side("b", long, tokens=40)}, ComparisonRequest())
    assert few["equal_tokens"] == {"why": "some problem has 40 tokens in all, and two completions take about 80"}
    with pytest.raises(SetupError, match=r"--tokens 41: on some problem a side spent 40"):
        compare({"b": side("a", short)}, {"b": side("b", long, tokens=40)}, ComparisonRequest(tokens=41))
    [unknown] = compare({"b": side("a", short)}, {"b": side("b", long, tokens=-1)}, ComparisonRequest())
    assert unknown["equal_tokens"] == {"why": "the tokens of some completions are not known"}
