"""Links into Explore are a contract: these addresses lie in saved views."""

import pytest

from dashboards.explore_link import explore_link, explore_parameters


def test_a_number_links_to_the_rollouts_that_it_counts() -> None:
    link = explore_link("run toy-1", rows="rollouts", level=[7, 8], outcome="incorrect", source=None, model="a&b/c")
    assert link == "/explore?of=run+toy-1&rows=rollouts&level=7&level=8&outcome=incorrect&source=none&model=a%26b%2Fc"
    assert explore_parameters("version toy@v1", problem="3f9a") == {"of": ["version toy@v1"], "problem": ["3f9a"]}


def test_an_unknown_facet_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="no facets of Explore: \\['colour'\\]"):
        explore_link("run toy-1", colour="red")
