"""Texts that attack whoever shows them, in every place a user or a model can write to, on every page in Chromium.

Whatever a payload managed to run would set `window.pwned`, open a dialog or ask something of a host; all of it is watched.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from rollmill.dashboards.pages.verifiers import TABS
from rollmill.page import page_titles, path_of
from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries import Reader, run_scope, search_problems
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import HOSTILE, STRANGER, run_in, serving
from tests.dashboards.test_browser import visit
from tests.flows.conftest import RECIPE, ROOT
from tests.json_lines import write_lines

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SET = "window.pwned=1"
PAYLOADS = {
    "script": f"<script>{SET};fetch('{STRANGER}/script')</script>",
    "img onerror": f'<img src=x onerror="{SET};alert(1)">',
    "svg": f'<svg onload="{SET}"><image href="{STRANGER}/svg.png"/><script>{SET}</script></svg>',
    "iframe": f'<iframe src="{STRANGER}/frame" srcdoc="<script>parent.{SET}</script>"></iframe>',
    "javascript link": f'[click](javascript:{SET}) <a href="javascript:{SET}">click</a>',
    "markdown image": f"![pixel]({STRANGER}/pixel.png) [![a]({STRANGER}/a.png)]({STRANGER}/) [b]: {STRANGER}/b",
    "css url": f'<style>*{{background:url({STRANGER}/css.png)}}</style><p style="background:url({STRANGER}/p.png)">p</p>',
    "data url": f'<object data="data:text/html,<script>parent.{SET}</script>"></object> [d](data:text/html,{SET})',
    "formula href": f"$\\href{{javascript:{SET}}}{{x}}$ $\\includegraphics{{{STRANGER}/formula.png}}$",
    "formula macro": f"$$\\htmlData{{x={STRANGER}}}{{y}} \\def\\x{{\\x\\x}}\\x \\url{{{STRANGER}/url}}$$",
    "entities": f"&lt;script&gt;{SET}&lt;/script&gt; &#60;img src=x onerror={SET}&#62;",
    "bidi": "user\u202egnp.exe\u202c \u2066isolated\u2069 \u200bzero\ufeff",
    "nul": "before\x00after \x1b[31mred\x07",
    "long word": "w" * 100_000,
    "template": "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} {% raw %} #{7*7} <%= 7*7 %>",
    "streamlit": f":red[not red] :material/home: :streamlit: $x$ **bold** ``` ` :blue-badge[x] {STRANGER}/bare www.a.b",
    "form": f'<form action="{STRANGER}/form"><button autofocus onfocus="{SET}">b</button></form><meta http-equiv=refresh '
    f'content="0;url={STRANGER}/meta"><base href="{STRANGER}/">',
    "link tag": f'<link rel=stylesheet href="{STRANGER}/link.css"><link rel=preconnect href="{STRANGER}">',
}
NAMED = {name: text.replace("\x00", "").replace("/", "\u2215")[:100] for name, text in PAYLOADS.items()}  # as file names
ACTIVE = (  # elements that no text of a user may become
    "[src*='47999'], [href*='47999'], [href^='javascript:'], [onerror], [onload], [onfocus], .katex [href], meta, base, "
    "object, form[action], img[src='x']"
)
IMPORTED = """\
recipe_schema: 1
# ![x](http://127.0.0.1:47999/comment.png) <script>window.pwned=1</script>
name: hostile
problems: {imported: hostile}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the payloads in prompts, answers, names, licences, notes, file names and formulas."""
    folder = tmp_path_factory.mktemp("attacked") / "ws"
    Workspace.init(folder).close()
    (folder / "toys.py").write_text((ROOT / "tests" / "toys.py").read_text())
    (folder / "hostile.yaml").write_text(IMPORTED)
    for text in NAMED.values():
        (folder / f"{text}.yaml").write_text(
            RECIPE.replace("seed: 3", f"seed: 3\n# {text.encode('unicode_escape').decode()}")
        )
        training = f"train_schema: 1\nname: student\ndata: {{versions: {{hostile: all}}}}\ninit: {json.dumps(text)}\n"
        (folder / f"train {text}.yaml").write_text(training)
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{NAMED['img onerror']}.yaml").write_text("profile_schema: 1\n")
    payloads = [*PAYLOADS.values()]
    rows = [
        {
            "id": f"h{n} {text[:200]}",
            "prompt": f"{text} What is {n} + 1?",
            "reference": str(n + 1),
            **dict.fromkeys(("skill", "template", "source", "licence"), text[:2_000]),
            "meta": {text[:100]: text[:1_000]},
            text[:100]: text[:1_000],
        }
        for n, text in enumerate(payloads)
    ]
    answers = [
        {"problem_id": row["id"], "model": text[:200], "text": f"{text} #### {n + 1 + n % 2}", "meta": {"note": text[:500]}}
        for n, (row, text) in enumerate(zip(rows, payloads, strict=True))
    ]
    write_lines(folder / "problems.jsonl", rows)
    write_lines(folder / "answers.jsonl", answers)
    second = "verify=[{method: exact, options: {answer: final}}]"  # another verdict makes another version: Diff has two
    run_in(
        folder,
        ["import", "problems", "problems.jsonl", "--name", "hostile"],
        ["import", "rollouts", "answers.jsonl", "--name", "hostile", "--problems", "hostile"],
        ["curate", "hostile.yaml", "--direct"],
        ["curate", "hostile.yaml", "--direct", "--set", second, "--set", "gate.min_kept=0"],
        ["schedule", "add", "hostile.yaml", "--cron", "0 2 * * *"],
        ["view", "save", "--", HOSTILE[:60].replace("\u202e", ""), "outcome=correct"],
    )
    _written(folder)
    return folder


def _written(folder: Path) -> None:
    """What people wrote: judgements with notes, the reason of a withdrawal, messages of firings and of a failed run."""
    with Workspace.open(folder) as ws:
        run = ws.runs.list()[-1].id
        for text in PAYLOADS.values():
            ws.firings.end(ws.firings.begin("hostile", text[:300]).id, "failed", text[:3_000], None)
        ws.runs.open("broken-11111111", name="broken", recipe={"name": HOSTILE, "note": HOSTILE}, recipe_hash="0" * 64)
        ws.runs.finish("broken-11111111", "failed", {"error": "\n".join(text[:1_000] for text in PAYLOADS.values())})
    run_in(
        folder,
        ["audit", "verifier", "number", "--run", run, "--n", str(len(PAYLOADS))],
        ["dataset", "yank", "hostile@v1", "--reason", PAYLOADS["img onerror"]],
        ["dataset", "sign-off", "hostile@v2", "--by", PAYLOADS["markdown image"][:60], "--note", PAYLOADS["script"]],
    )
    with Reader.open(folder) as reader:
        [audit] = reader.audits.list()
        reader.audits.judge(
            PersonJudgement(item.completion_id, item.problem_id, text[:80], "correct", text[:2_000])
            for item, text in zip(reader.audits.items(audit.id), PAYLOADS.values(), strict=False)
        )


@pytest.fixture
def asked() -> list[str]:
    """Addresses of all requests and sockets."""
    return []


@pytest.fixture
def opened() -> list[str]:
    """Dialogs and windows."""
    return []


@pytest.fixture(scope="module")
def printed(attacked: Path) -> Iterator[str]:
    with serving(attacked) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, printed: str, asked: list[str], opened: list[str]) -> Iterator[Page]:
    """A page that may write, whose requests, dialogs and windows are noted."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1700})
    context.on("request", lambda request: asked.append(request.url))
    shown = context.new_page()
    context.on("page", lambda other: opened.append(other.url))
    shown.set_default_timeout(PATIENCE)
    shown.on("websocket", lambda socket: asked.append(socket.url))

    def dismiss(dialog: Dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    shown.on("dialog", dismiss)
    shown.goto(printed)
    yield shown
    context.close()


def left(asked: list[str], printed: str) -> list[str]:
    """Requests that left this server."""
    own = urlsplit(printed).netloc
    return [url for url in asked if not url.startswith(("data:", "blob:", "about:")) and urlsplit(url).netloc != own]


def test_the_watch_notices_a_request_a_dialog_and_a_global(
    page: Page, printed: str, asked: list[str], opened: list[str]
) -> None:
    page.set_content(f'<img src="{STRANGER}/pixel.png"><script>{SET};alert(7)</script>')
    page.wait_for_timeout(500)
    assert left(asked, printed) == [f"{STRANGER}/pixel.png"]
    assert opened == ["7"]
    assert page.evaluate("window.pwned") == 1


def addresses(folder: Path) -> Iterator[tuple[str, str]]:
    """Heading and address of every page, with each of their tabs that shows texts."""
    with Reader.open(folder) as reader:
        names = {run.name: run.id for run in reversed(reader.runs.list())}
        run = names["hostile"]
        problems = [row.id for row in search_problems(run_scope(reader, run)).rows]
    of = f"of=run+{run}"
    kinds = ("recipe=", "what=Train&training=train%20")
    recipes = [f"new?{kind}{quote(NAMED[name])}.yaml" for kind in kinds for name in ("img onerror", "streamlit")]
    yield from (("Home", ""), ("Runs", f"runs?run={run}"), ("Runs", f"runs?run={names['broken']}"), ("New run", "new"))
    yield from (("New run", path) for path in (*recipes, "new?set=a%3D" + quote(HOSTILE)))
    yield from (("New run", f"new?what={what}") for what in ("Evaluate", "Train", "Audit", "Export"))
    yield from (
        ("Datasets", f"datasets?dataset=hostile&tab={quote(tab)}") for tab in ("Card", "Quality report", "Manifest")
    )
    yield from (("Datasets", f"datasets?dataset=hostile&tab={quote(tab)}") for tab in ("Gates", "Tags and sign-off"))
    yield "Explore", f"explore?{of}&sort=id&problem={min(problems)}"
    yield from (("Explore", path) for path in (f"explore?{of}&rows=rollouts", f"problems?of={quote(HOSTILE)}"))
    yield from (("Difficulty and budget", f"difficulty?{of}&by={by}") for by in ("skill", "template", "source", "model"))
    yield from (("Difficulty and budget", f"budgets?{of}"), ("Compare", "compare?evaluation=hostile"), ("Review", "review"))
    yield from (("Schedules", "schedules"), ("Diff", "diff?dataset=hostile"))
    yield from ((title, path_of(title)) for title in page_titles())
    yield from (("Verifiers", f"verifiers?{of}&view={quote(tab)}") for tab in TABS)
    yield "Home", "?" + quote(HOSTILE) + "=1"
    yield "No such page", quote(NAMED["img onerror"])


def _read_all(page: Page) -> None:
    """Go through all problems in the drawer."""
    for number in range(1, len(PAYLOADS) + 1):
        expect(page.get_by_text(f"problem {number} of {len(PAYLOADS)} match", exact=False)).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        assert page.evaluate("window.pwned") is None, number
        assert page.get_by_role("dialog").locator(ACTIVE).count() == 0, number
        page.keyboard.press("ArrowRight")


def test_no_payload_acts_on_any_page(page: Page, printed: str, attacked: Path, asked: list[str], opened: list[str]) -> None:
    served = printed.partition("/?")[0]
    for title, path in addresses(attacked):
        visit(page, f"{served}/{path}", title)
        for summary in page.locator('[data-testid="stExpander"] summary').all():
            summary.click()
        settled(page)
        if "problem=" in path:
            _read_all(page)
        page.wait_for_timeout(300)
        refused = page.get_by_text("This page cannot be shown.").count()
        assert refused == (path == f"problems?of={quote(HOSTILE)}"), path
        assert page.evaluate("window.pwned") is None, path
        assert page.title() == "Rollmill", path
        inside = [frame.url for frame in page.frames[1:]]  # the quality report
        assert [url[:60] for url in inside if "/report/" not in url and not url.startswith("about:")] == [], path
        app = page.get_by_test_id("stApp")
        assert app.locator(ACTIVE).count() == 0, path
        formulas = app.locator(".katex").count()
        assert formulas == app.locator("[class*='st-key-prose-'] .katex").count(), path  # of texts, not of names
        assert left(asked, printed) == [], path
        assert opened == [], path
    assert len([url for url in asked if url.startswith("ws:")]) > 20  # it listened


def test_the_long_word_and_the_sources_are_shown_as_they_are(page: Page, printed: str, attacked: Path) -> None:
    served = printed.partition("/?")[0]
    page.goto(f"{served}/explore?of=version+hostile%40v2&rows=rollouts&cols=problem,model,answer")
    cells = page.get_by_role("gridcell")
    cells.first.wait_for()
    shown = "\n".join(cells.all_inner_texts())
    for text in (
        f'<img src=x onerror="{SET};alert(1)">',
        "user⟨202E⟩gnp.exe",
        "before⟨0000⟩after",
        "{{constructor.construc",
    ):
        assert text in shown, text
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
