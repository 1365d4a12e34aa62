"""Solution graphs: recorded by templates, read off calculator annotations, and None where nobody can know them."""

import json

import pytest

from rollmill.pipelines.contamination.graphs import graph_of, graph_of_solution
from tests.shared_data import shared_data

DUCKS = "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $<<9*2=18>>18 every day.\n#### 18"


def test_an_operand_that_was_computed_is_the_result_and_others_are_given() -> None:
    assert graph_of_solution(DUCKS) == "*(-(-(n,n),n),n)"
    # The same calculation with other numbers and in other words has the same graph.
    assert graph_of_solution("<<20-5-6=9>> left, <<3*9=27>>") == "*(-(-(n,n),n),n)"
    assert graph_of_solution("<<1,000+2,000=3000>> in all") == "+(n,n)"


def test_what_cannot_be_read_gives_no_graph_and_executes_nothing() -> None:
    unreadable = (
        "x+2=5",
        "2**9**9=1",
        "__import__('os')=1",
        "1/0=0",
        "2+2=5",
        "(((=1",
        "3(4)=12",
        "2+3",
        "1+1=1e99999999",
    )
    for annotation in unreadable:
        assert graph_of_solution(f"So <<{annotation}>> it is") is None
    assert graph_of_solution("no annotation") is None


def test_rounded_results_are_followed() -> None:
    assert graph_of_solution("<<100/3=33.3>> each, <<33.3*2=66.6>>") == "*(/(n,n),n)"


def test_a_template_records_its_graph_and_a_small_imported_one_tells_nothing() -> None:
    assert graph_of({"graph": "+(n,n)"}) == "+(n,n)"
    assert graph_of({"solution": DUCKS}) == "*(-(-(n,n),n),n)"
    assert graph_of({"solution": "<<2*3=6>>"}) is None
    assert graph_of({"solution": 5, "note": "plain"}) is None


@pytest.mark.data
def test_nearly_all_annotated_solutions_of_gsm8k_have_a_graph() -> None:
    lines = shared_data("gsm8k_problems.jsonl").read_text(encoding="utf-8").splitlines()
    graphs = [graph_of_solution(json.loads(line)["solution"]) for line in lines]
    assert (len(graphs), sum(graph is not None for graph in graphs)) == (660, 649)
