"""Which of the seven MathCoder models is better, and on what: three clicks from the first page, on real rollouts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE
from tests.dashboards.conftest import run_in, serving
from tests.dashboards.test_browser import shoot, visit
from tests.shared_data import shared_data

pytestmark = [pytest.mark.data, pytest.mark.browser, pytest.mark.timeout(500)]
RECIPE = """\
recipe_schema: 1
name: mathcoder
problems: {imported: mathcoder}
generate: {engine: imported}
verify: [{method: math}]
budget: {method: fixed}
select: {method: quota, options: {per_problem: 4}}
gate: {max_undecided: 0.05}
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mathcoder") / "ws"
    Workspace.init(folder).close()
    (folder / "mathcoder.yaml").write_text(RECIPE)
    rollouts = str(shared_data("mathcoder_rollouts.parquet"))
    run_in(Path(folder), ["import", "rollouts", rollouts, "--name", "mathcoder"], ["curate", "mathcoder.yaml", "--direct"])
    with serving(folder) as address:
        yield address


def test_three_clicks_from_home_to_the_problem_that_shows_it(chromium: Browser, printed: str) -> None:
    page = chromium.new_page(viewport={"width": 1400, "height": 2200})
    page.set_default_timeout(PATIENCE)
    visit(page, printed, "Home")
    page.get_by_role("link", name="Compare").first.click()  # 1: which model is better, and on what
    main = page.get_by_test_id("stMain")
    expect(main.get_by_text("GSM8K: MathCoder-L-70b at 0.8", exact=False)).to_be_visible()
    items = main.get_by_role("listitem").all_inner_texts()
    assert [line.split(" at ")[0] for line in items] == [
        "GSM8K: MathCoder-L-70b",
        "SVAMP: MathCoder-L-70b",
        "mathematics: MathCoder-L-70b",
        "simuleq: MathCoder-L-70b",
        "MATH: MathCoder-L-7b",
    ]
    assert items[0].endswith("not shown to be better than MathCoder-CL-34b.")
    assert items[2].endswith("shown to be better than every other model.")
    assert items[4].endswith("the only model that was asked.")
    shoot(page, "mathcoder-compare")
    points = page.locator(".vega-embed").first.locator("path[aria-label*='MathCoder-CL-34b'][aria-label*='GSM8K']")
    points.first.click()  # 2: its rollouts
    page.wait_for_url("**/explore?of=version+mathcoder%40v1&rows=rollouts&model=MathCoder-CL-34b&source=GSM8K*")
    expect(page.get_by_text("rollouts match", exact=False)).to_be_visible()
    page.get_by_role("row").nth(1).click()  # 3: the first row below the headings
    page.wait_for_url("**problem=*")
    expect(page.get_by_text("Pass rate:", exact=False).first).to_be_visible()
    shoot(page, "mathcoder-problem")
    page.close()
