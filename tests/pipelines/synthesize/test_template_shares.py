"""Templated problems in shares: the counts, the prefix of a larger budget, worked solutions, mistakes."""

from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.synthesize.template_shares import TemplateShares


def test_counts_are_as_near_to_the_shares_as_whole_numbers_can_be() -> None:
    made = list(TemplateShares(shares={"1": 0.7, "3": 0.2, "8": 0.1}).synthesize(20, 3))
    assert Counter(problem.level for problem in made) == {1: 14, 3: 4, 8: 2}
    assert [problem.id for problem in TemplateShares(shares={"1": 0.7, "3": 0.2, "8": 0.1}).synthesize(7, 3)] == [
        problem.id for problem in made[:7]
    ]
    assert len({problem.prompt_id for problem in made}) == 20


def test_a_worked_solution_ends_with_the_reference() -> None:
    for problem in TemplateShares(levels=[1, 2]).synthesize(6, 1):
        assert problem.meta["solution"].endswith(f"#### {problem.reference}")


def test_skills_and_templates_have_shares_too() -> None:
    skills = {str(problem.skill) for problem in TemplateShares(by="skill").synthesize(40, 1)}
    assert len(skills) > 2
    one = min(skills)
    assert {problem.skill for problem in TemplateShares(by="skill", shares={one: 1}).synthesize(8, 1)} == {one}
    name = next(iter(TemplateShares(by="template").makers))
    assert {problem.template for problem in TemplateShares(by="template", shares={name: 2}).synthesize(4, 1)} == {name}


@pytest.mark.parametrize("options", [{"by": "colour"}, {"shares": {"9": 1}}, {"shares": {"1": 0}}, {"shares": {"1": -1}}])
def test_shares_that_name_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(SetupError):
        TemplateShares(**options)  # type: ignore[arg-type]
