"""Each page over a real workspace: the numbers are those of ledger and versions, and model text stays text."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.inert import inert, inert_page, message_line, visible
from rollmill.dashboards.units import counted
from rollmill.page import page_titles, path_of
from rollmill.storage.queries import Reader, budget_spend, funnel, run_scope, runs
from tests.dashboards.conftest import HOSTILE, explore_table, opened, text_of

pytestmark = pytest.mark.integration

Page = Callable[..., AppTest]


def texts(page: AppTest) -> str:
    return "\n".join(text_of(block) for kind in ("markdown", "caption", "subheader", "title") for block in page.get(kind))


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


PAGES = [
    "home",
    "runs",
    "datasets",
    "models",
    "diff",
    "compare",
    "explore",
    "difficulty",
    "review",
    "verifiers",
    "papers",
    *map(path_of, page_titles()),
]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_without_an_error(page: Page, name: str) -> None:
    shown = page(name)
    assert not shown.exception
    assert not shown.error
    assert shown.title[0].value.startswith(name.capitalize())


def test_runs_shows_the_funnel_of_the_ledger(page: Page, curated: Path) -> None:
    shown = page("runs")
    with Reader.open(curated) as reader:
        newest = runs(reader)[0]
        counts = funnel(run_scope(reader, newest.id))
    assert shown.selectbox[0].value == newest.id
    assert metrics(shown) == {
        "Problems": str(counts.problems),
        "Planned rollouts": str(counts.planned),
        "Correct": str(counts.correct),
        "Undecided": "0",
        "Kept": str(counts.kept),
    }
    assert newest.next_command in [block.value for block in shown.code]


def test_a_page_of_an_empty_workspace_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.storage.workspace import Workspace

    Workspace.init(tmp_path).close()
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    for name in ("home", "runs", "datasets", "diff", "explore", "difficulty", "review", "verifiers"):
        shown = opened(name)
        assert not shown.exception
        assert shown.code[0].value == "rollmill curate recipes/arithmetic.yaml"
    assert opened("compare").code[0].value == "rollmill evaluate recipes/evaluations/arithmetic.yaml"


def test_model_text_is_inert_everywhere(page: Page) -> None:
    shown = page("explore")
    shown.selectbox(key="of-choice").set_value("version hostile@v1").run()
    shown.query_params["problem"] = explore_table(shown)["problem_id"][0]
    shown.run()
    assert "document\\.title='owned'" in texts(shown)
    labels = [option for block in shown.button_group for option in block.options]
    assert labels
    for place in [texts(shown), *labels]:
        assert "![pixel]" not in place
        assert "<script>" not in place


def test_inert_escapes_what_markdown_reads() -> None:
    assert inert("![a](b) <i> :red[x]\n\n# t") == r"\!\[a\]\(b\) \<i\> \:red\[x\] \# t"
    assert inert("x" * 300) == "x" * 199 + "…"
    # what Streamlit would replace even behind a backslash
    made_active = {":material/check:": r"\:@material/check\:", "-> b": r"\-@\> b", "a@b.de": r"a@@b\.de", "a--b": r"a\-\-b"}
    assert {text: inert(text).replace("\u2060", "@") for text in made_active} == made_active


def test_our_messages_keep_their_code_and_nothing_else() -> None:
    said = message_line("`rollmill up` gave up: <b> `![x](http://h)` *x* `<i>`")
    assert said == "`rollmill up` gave up\\: \\<b\\> \\`\\!\\[x\\]\\(http\\:\u2060//h\\)\\` \\*x\\* \\`\\<i\\>\\`"


def test_nouns_follow_their_numbers() -> None:
    said = [counted(1, "rollout"), counted(0, "rollout"), counted(1_234, "token"), counted(1, "match", "matches")]
    assert said == ["1 rollout", "0 rollouts", "1,234 tokens", "1 match"]
    assert counted(2, "match", "matches") == "2 matches"


def test_a_page_of_markdown_keeps_its_form_and_nothing_of_its_data_acts() -> None:
    cell = "| `ab12` | ![p](http://h/p) [l](www.h) <b> $x$ ``` ` |"
    page = inert_page(f"## Identity\n{cell}\n````yaml\n```\n![in code](x)\n````\n![after](x)")
    assert page.split("\n") == [
        "## Identity",
        r"| `ab12` | \!\[p\](http\:@//h/p) \[l\](www@.h) \<b\> \$x\$ \`\`\` \` |".replace("@", "\u2060"),
        "````yaml",
        "```",
        "![in code](x)",
        "````",
        r"\!\[after\](x)",
    ]


@pytest.mark.parametrize(
    "before", ["- a\n  ```", "1. a\n   ```", "  ```", "```\n x\n   ```", "> ```", "~~~\n```\n~~~\n```"]
)
def test_code_of_a_list_or_a_quotation_ends_with_it(before: str) -> None:
    """The card of a version that came from elsewhere."""
    assert r"\[x\]" in inert_page(f"{before}\n![x](http://h) [x](http://h)").split("\n")[-1]


def test_what_cannot_be_seen_is_shown_and_scripts_stay_whole() -> None:
    assert visible("a\u202eb\u200bc\x00d\re\r\n\tf") == "a⟨202E⟩b⟨200B⟩c⟨0000⟩d⟨000D⟩e\n\tf"
    assert visible("é ש 你 👩\u200d🚀") == "é ש 你 👩\u200d🚀"


def test_a_long_text_is_laid_out_a_part_at_a_time() -> None:
    script = "from rollmill.dashboards.inert import show_text\nshow_text('x' * 1_000_000, 'long')\n"
    shown = AppTest.from_string(script).run()
    assert [len(block.value) for block in shown.code] == [20_000]
    assert shown.caption[0].value == "20,000 of 1,000,000 characters."
    shown.button[0].click().run()
    assert [len(block.value) for block in shown.code] == [40_000]


def test_difficulty_names_prefix_and_estimator_and_links_into_explore(page: Page) -> None:
    shown = page("difficulty", of="version toy@v1")
    assert "Rates: the first 4 completions of each problem, fixed before any verdict." in texts(shown)
    assert not shown.dataframe  # what stands in a closed expander is not made
    shown = page("difficulty", of="version toy@v1", numbers="true", **{"correct-numbers": "true"})
    numbers = shown.dataframe[0].value
    assert list(numbers["level"]) == ["1", "2", "3"]
    assert set(numbers["judged"]) == {16}
    assert numbers["method"].str.len().min() > 0
    assert numbers["open"][1] == "/explore?of=version+toy%40v1&level=2"
    correct = shown.dataframe[1].value
    assert list(correct["correct"]) == [f"{k} of 4" for k in range(5)]
    assert correct["problems"].sum() == 12
    assert correct["open"][0] == "/explore?of=version+toy%40v1&correct=0+of+4"


def test_rates_of_several_models_say_so_and_are_shown_alone(page: Page) -> None:
    shown = page("difficulty", of="version hostile@v1", numbers="true")
    assert "Each rate pools the rollouts of 2 models: " in texts(shown)
    assert "![pixel]" not in texts(shown)
    shown.button_group(key="by").set_value("model").run()
    assert not shown.exception
    assert "Each rate pools" not in texts(shown)
    numbers = shown.dataframe[0].value
    assert list(zip(numbers["model"], numbers["problems"], numbers["rollouts"], strict=True)) == [
        (visible(HOSTILE), 2, 2),
        ("second", 1, 1),
    ]


def test_budget_shows_spend_by_round_and_why_it_stopped(page: Page, curated: Path) -> None:
    with Reader.open(curated) as reader:
        run = next(run for run in runs(reader) if run.name == "toy")
        spend = budget_spend(run_scope(reader, run.id), 3)
    shown = page("difficulty", of=f"run {run.id}", view="Budget", **{"spend-numbers": "true"})
    assert not shown.exception
    assert shown.number_input[0].value == 1  # the recipe's target of 3 is that of its hardest problem
    most = int(metrics(shown)["Covered"])
    shown.number_input[0].set_value(3).run()
    assert metrics(shown)["Tokens"] == f"{6 * sum(row.draws for row in spend.rounds):,}"
    rounds, levels = (frame.value for frame in shown.dataframe[:2])
    assert rounds["draws"].iloc[0] == 12 * 4
    assert list(rounds["covered so far"]) == sorted(rounds["covered so far"])
    assert list(levels["level"]) == ["1", "2", "3"]
    assert sum(levels["covered"]) == list(rounds["covered so far"])[-1] == spend.rounds[-1].covered
    assert any("gave no problem up" in block.value for block in shown.caption)
    assert most > spend.rounds[-1].covered


def test_the_budget_of_a_version_is_that_of_its_run_and_imports_count_draws(page: Page) -> None:
    shown = page("difficulty", of="version hostile@v1", view="Budget")
    assert not shown.exception
    assert (metrics(shown)["Draws"], metrics(shown)["Tokens"]) == ("3", "not counted")
    assert "imported" in shown.info[0].value
