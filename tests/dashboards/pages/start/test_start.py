"""The page New run: its form, what it says of a mistake, what it starts, and what it does not without a person's word."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.session import asked
from rollmill.dashboards.session.commands import WRITES
from rollmill.storage.queries import Reader, runs
from rollmill.storage.queries.run_history import run_outputs
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import elements, opened, run_in, text_of
from tests.flows.cli.make.test_evaluate import EVALUATION
from tests.flows.conftest import RECIPE

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
PATIENCE = 120.0  # seconds for a command's answer on a busy machine
EVIL = """
from pathlib import Path
from toys import ToyEngine

Path(__file__).with_name("ran").touch()


class Evil(ToyEngine):
    pass
"""
HELD = """
import time
from pathlib import Path
from toys import ToyEngine


class Held(ToyEngine):
    def generate(self, requests):
        while not Path("go").exists():
            time.sleep(0.1)
        yield from super().generate(requests)
"""


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a recipe and an evaluation, and no run."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[3] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "sums.yaml").write_text(EVALUATION)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "priced.yaml").write_text(
        "profile_schema: 1\nprices: {input: 0.15, output: 0.60, currency: EUR}\n"
    )
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


def said(page: AppTest) -> str:
    """All that the page says in words."""
    kinds = ("markdown", "caption", "info", "error", "warning", "success", "code", "title")
    return "\n".join(text_of(block) for kind in kinds for block in elements(page, kind))


def until(page: AppTest, true: Callable[[AppTest], bool]) -> AppTest:
    """The page once it shows what it waits for, as a browser redraws it."""
    deadline = time.monotonic() + PATIENCE
    while not true(page):
        assert time.monotonic() < deadline, said(page)
        assert not page.exception
        time.sleep(0.3)
        page.run()
    return page


def shows(text: str) -> Callable[[AppTest], bool]:
    return lambda page: text in said(page)


def labels(page: AppTest) -> list[str]:
    kinds = ("number_input", "text_input", "selectbox", "multiselect")
    return [widget.label for kind in kinds for widget in elements(page, kind)]


def field(page: AppTest, label: str) -> str:
    """The key of the widget with this label."""
    kinds = ("number_input", "text_input", "selectbox", "multiselect", "toggle")
    return next(str(widget.key) for kind in kinds for widget in elements(page, kind) if widget.label == label)


def start_asks(page: AppTest) -> bool:
    return any(button.key == "new-start" for button in page.button)


def test_an_empty_workspace_leads_to_the_page_and_it_shows_the_recipe_as_a_form(fresh: Path) -> None:
    home = opened("home")
    assert {"New run", "Start a run here"} <= {link.label for link in elements(home, "page_link")}
    page = opened("new run")
    assert not page.exception
    assert page.number_input(key=field(page, "Count")).value == 12
    assert page.selectbox(key=field(page, "Engine")).value == "toys.py:ToyEngine"
    assert page.multiselect(key=field(page, "Verify")).value == ["number"]
    assert "Every key is as in the file." in said(page)
    until(page, shows("Nothing that is stored tells what this run takes"))
    assert page.button(key="new-pilot").label == "Yes, forecast with a pilot of 48 completions"
    page.number_input(key=field(page, "Temperature")).set_value(0.5).run()
    assert "rollmill curate toy.yaml --set generate.temperature=0.5 --direct" in [block.value for block in page.code]
    assert page.query_params["set"] == "generate.temperature=0.5"
    page.button(key="new-back").click().run()
    assert "Every key is as in the file." in said(page)
    assert page.number_input(key=field(page, "Temperature")).value == 1.0


def test_another_method_brings_its_keys_and_keeps_what_it_shares(fresh: Path) -> None:
    page = opened("new run")
    assert {"Initial", "Target", "Cap"} <= set(labels(page))
    page.number_input(key=field(page, "Cap")).set_value(9).run()
    method = next(box for box in page.selectbox if box.value == "prop2diff")
    method.set_value("fixed").run()
    assert "Cap" not in labels(page)
    assert page.number_input(key=field(page, "Initial")).value == 4
    page.number_input(key=field(page, "Initial")).set_value(2).run()
    changes = "budget.method=fixed\nbudget.options={initial: 4}\nbudget.options.initial=2"
    assert changes in [block.value for block in page.code]
    next(box for box in page.selectbox if box.value == "fixed").set_value("prop2diff").run()
    # Back at the file's method its options are those of the file; what was changed in it is still changed.
    assert "budget.options.initial=2\nbudget.options.cap=9" in [block.value for block in page.code]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("generate.temperature=-1", "generate.temperature: input should be greater than or equal to 0, found -1."),
        ("budget.method=prop3diff", "unknown budget 'prop3diff'. Did you mean 'prop2diff'?"),
        ("generate.options.chance=[", "is not a YAML value"),
        ("generate.nothing=1", "unknown key 'generate.nothing'"),
        ("--direct", "'--direct' is not KEY=VALUE."),
        ("generate.model=a\u2028b", "has a character that no command line takes."),
    ],
)
def test_a_mistake_is_named_in_the_commands_own_words_and_nothing_can_be_started(
    fresh: Path, other: str, sentence: str
) -> None:
    page = opened("new run")
    page.session_state["new-toy.yaml-0-more"] = True  # More keys, open
    page.run()
    page.text_area[0].set_value(other).run()
    until(page, shows(sentence))
    assert not start_asks(page)
    page.button(key=next(str(b.key) for b in page.button if b.label == "Back to the file")).click().run()
    until(page, lambda shown: start_asks(shown) and sentence not in said(shown))


def test_a_broken_recipe_is_named_and_others_can_be_chosen(fresh: Path) -> None:
    (fresh / "a.yaml").write_text("recipe_schema: 1\nname: [broken\n")
    (fresh / "b.yaml").write_text(RECIPE.replace("count: 12", "coutn: 12", 1))
    page = opened("new run", recipe="a.yaml")
    assert "The recipe cannot be read." in said(page)
    assert "a.yaml:2: not valid YAML" in said(page) or "a.yaml:3: not valid YAML" in said(page)
    page = opened("new run", recipe="b.yaml")
    until(page, shows("unknown key 'problems.coutn'. Did you mean 'count'?"))
    assert not start_asks(page)
    page = opened("new run", recipe="none.yaml")
    assert "unknown recipe 'none.yaml'" in said(page)


def test_a_link_runs_nothing_before_a_person_says_so(fresh: Path) -> None:
    (fresh / "evil.py").write_text(EVIL)
    sets = ["generate.engine=evil.py:Evil", "generate.options={chance: 0.5}"]
    script = "from rollmill.dashboards.server.app import main\nmain('New run')\n"
    page = AppTest.from_string(script, default_timeout=60)
    page.query_params.update({"recipe": ["toy.yaml"], "set": sets})
    page.run()  # without the token
    assert "Read-only" in said(page)
    assert "engine: toys.py:ToyEngine" in said(page)
    assert asked._questions == {} or all(key[0] != str(fresh) for key in asked._questions)
    page.session_state[WRITES] = True
    page.run()
    assert "\n".join(sets) in [block.value for block in page.code]
    until(page, shows("Nothing that is stored tells"))
    assert not (fresh / "ran").exists()
    page.button(key="new-apply").click().run()
    assert page.selectbox(key=field(page, "Engine")).value == "evil.py:Evil"
    assert (fresh / "ran").exists()


def test_a_run_is_started_once_and_followed_to_its_end(fresh: Path) -> None:
    (fresh / "held.py").write_text(HELD)
    (fresh / "toy.yaml").write_text(RECIPE.replace("toys.py:ToyEngine", "held.py:Held"))
    page = until(opened("new run"), start_asks)
    page.number_input(key="new-terms-tokens").set_value(100_000).run()
    assert "Drawing ends at 100,000 tokens" in said(page)
    until(page, start_asks)
    page.button(key="new-start").click().run()
    assert page.session_state["new-started"].words == ("curate", "toy.yaml", "--max-tokens", "100000", "--direct")
    try:
        other = until(opened("new run"), lambda shown: "works now; a second one would draw the same" in said(shown))
        assert not start_asks(other)
        until(page, lambda shown: [block.value for block in shown.title] == ["Runs"])
    finally:
        (fresh / "go").touch()  # else the engine waits for ever
    with Reader.open(fresh) as reader:
        [run] = runs(reader)
        assert page.query_params["run"] == run.id
        deadline = time.monotonic() + PATIENCE
        while runs(reader)[0].status == "running":
            assert time.monotonic() < deadline
            time.sleep(0.3)
        [done] = runs(reader)
        [output] = run_outputs(reader, run.id)
    assert done.status == "done"
    while "[done]" not in output.read_text():
        time.sleep(0.1)
    assert output.read_text().startswith("$ rollmill curate toy.yaml --max-tokens 100000 --direct\n")
    assert output.stat().st_mode & 0o777 == 0o600
    log = opened("runs", run=done.id, tab="Log")
    assert any("toy@v1" in block.value for block in log.code)
    page = until(opened("new run"), shows("The run of this recipe is done: nothing would be drawn."))
    assert "Its run is done" in said(page)


def test_a_command_that_ends_before_its_run_opens_shows_what_it_said(fresh: Path) -> None:
    page = until(opened("new run"), start_asks)
    page.text_input(key="new-terms-cost").set_value("much").run()
    until(page, start_asks)
    page.button(key="new-start").click().run()
    until(page, shows("The command ended before it came to a run."))
    assert "--max-cost 'much' is not an amount of money." in said(page) or "the profile gives no prices" in said(page)
    assert "[exit status 2]" in said(page)
    page.button(key="new-close").click().run()
    assert "The command ended" not in said(page)


def test_without_the_token_nothing_is_started(fresh: Path) -> None:
    page = until(opened("new run"), start_asks)
    page.session_state[WRITES] = False
    page.button(key="new-start").click().run()  # a browser may send what its page does not offer
    assert "new-started" not in page.session_state
    with Reader.open(fresh) as reader:
        assert runs(reader) == []


def test_the_forecast_stands_beside_the_form_and_follows_it(fresh: Path) -> None:
    run_in(fresh, ["plan", "toy.yaml", "--simulations", "20"])
    page = until(opened("new run"), lambda shown: len(shown.metric) > 0)
    metrics = {metric.label: metric.value for metric in page.metric}
    assert list(metrics) == ["Tokens", "Time", "Rows kept"]
    table = page.table[0].value
    assert list(table.index) == ["Completions", "Tokens", "Time", "Problems solved", "Rows kept"]
    assert list(table.columns) == ["median", "80% interval", "95% interval"]
    assert "48 completions on 6 problems; 40 simulated runs." in said(page)
    assert "It takes about" in said(page)
    before = float(metrics["Tokens"].replace(",", ""))
    page.number_input(key=field(page, "Cap")).set_value(5).run()
    until(page, lambda shown: 0 < float(next((m.value for m in shown.metric), "0").replace(",", "")) < before)
    page.selectbox(key="new-terms-profile").set_value("profiles/priced.yaml").run()
    until(page, lambda shown: "Money, EUR" in [metric.label for metric in shown.metric])
    assert "--profile profiles/priced.yaml" in said(page)


def test_an_evaluation_is_cells_of_benchmarks_and_models(fresh: Path) -> None:
    page = until(opened("new run", what="Evaluate"), lambda shown: len(shown.metric) > 0)
    assert {metric.label: metric.value for metric in page.metric} == {
        "Cells to draw": "4 of 4",
        "Completions": "240",
        "Tokens out, at most": "3,840",
    }
    page.multiselect(key=field(page, "Models")).set_value(["good"]).run()
    until(page, lambda shown: [metric.value for metric in shown.metric][:1] == ["2 of 2"])
    assert "Model poor" not in said(page)
    chosen = "models=[{name: good, engine: 'toys.py:ToyEngine', model: toy-1, max_tokens: 16, options: {chance: 0.9}}]"
    assert chosen in [block.value for block in page.code]


def test_a_versions_recipe_is_run_again_or_changed(fresh: Path) -> None:
    run_in(fresh, ["curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=2"])
    page = opened("new run", **{"from": "version toy@v1"})
    assert "select.options.per_problem=2" in [block.value for block in page.code]
    assert page.number_input(key=field(page, "Per problem")).value == 2
    until(page, shows("The run of this recipe is done"))
    (fresh / "toy.yaml").unlink()
    page = opened("new run", **{"from": "version toy@v1"})
    assert "is not in this workspace; the version holds its recipe." in said(page)
    page.button(key="new-copy-toy@v1").click().run()
    assert (fresh / "recipes" / "toy-v1.yaml").exists()
    assert page.query_params["recipe"] == "recipes/toy-v1.yaml"
    assert "unknown dataset" in said(opened("new run", **{"from": "version nothing@v1"}))


def test_an_audit_and_an_export_are_started(fresh: Path) -> None:
    assert "No run is done yet" in said(opened("new run", what="Audit"))
    assert "No dataset version yet." in said(opened("new run", what="Export"))
    run_in(fresh, ["curate", "toy.yaml", "--direct"])
    page = opened("new run", what="Audit")
    page.number_input(key="audit-n").set_value(5).run()
    page.button(key="audit-dry").click().run()
    assert "Nothing was written." in said(page)
    page.button(key="audit-start").click().run()
    assert "Judge the drawn rollouts" in [link.label for link in elements(page, "page_link")]
    with Reader.open(fresh) as reader:
        assert [audit.design["n"] for audit in reader.audits.list()] == [5]
    page = opened("new run", what="Export", format="pairs")
    page.number_input(key=field(page, "Max pairs")).set_value(1).run()
    page.text_input(key=field(page, "System")).set_value("Be brief: think")
    page.button(key="export-make").click().run()  # the browser sends both at once
    assert any("--set max_pairs=1 --set 'system=Be brief: think'" in block.value for block in page.code)
    until(page, lambda shown: len(shown.get("link_button")) > 0)
    [made] = (fresh / ".rollmill" / "tmp").rglob("toy-v1-pairs.jsonl")
    assert '"content":"Be brief: think"' in made.read_text().replace(": ", ":")[:400].replace("brief:think", "brief: think")
