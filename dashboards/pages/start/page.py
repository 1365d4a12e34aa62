"""New run: what is started, from which recipe, with which keys; the forecast beside them, and the start."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.start.forecast import (
    SIMULATIONS,
    pilot_size,
    price,
    price_known,
    recipe_hashes,
    show_forecast,
)
from rollmill.dashboards.pages.start.keys import Changes, Keys, changes_of, draw_keys, draw_other, keys_of, show_changes
from rollmill.dashboards.pages.start.launch import (
    PILOT,
    StartOptions,
    choose_terms,
    command_of,
    follow_started,
    running,
    show_running,
    start_button,
)
from rollmill.dashboards.pages.start.others import show_audit, show_export
from rollmill.dashboards.pages.start.takes import Takes
from rollmill.dashboards.pages.start.training import training_state
from rollmill.dashboards.parts.activity import statuses
from rollmill.dashboards.session.address import choose
from rollmill.dashboards.session.asked import CommandResult, ask, wait_for
from rollmill.dashboards.session.commands import command_button, may_write, read_only_reason
from rollmill.dashboards.session.new_run import started_kinds
from rollmill.dashboards.session.scope import reader
from rollmill.ground.by_name import object_at
from rollmill.kind import Kind, RecipeRules, StartForm
from rollmill.kinds import KINDS, recipe_files_of
from rollmill.storage.queries import runs
from rollmill.storage.queries.recipes import VersionOrigin, recipe_kinds, recipe_stamp, version_origin

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

BESIDE = {
    "Audit": (KINDS["audit"].about, show_audit),
    "Export": ("A dataset version as a file that trainers read.", show_export),
}
"""What is started without a recipe: a sentence about it, and what draws its form."""
VERSION = "from"
PANEL = "new-panel"
STICKY = f"<style>.st-key-{PANEL} {{ position: sticky; top: 4.5rem; align-self: flex-start; }}</style>"
CHECK, FORECAST, KEEP = "new-check", "new-forecast", "new-keep"
FORM_WIDTH, PANEL_WIDTH = 580, 400  # pixels; they stand one above the other where there is no room


def show() -> None:
    """Draw the page."""
    st.title("New run")
    follow_started()
    known = started_kinds()
    title = str(
        st.segmented_control(
            "Start",
            [*known, *BESIDE],
            default="Curate",
            required=True,
            key="what",
            bind="query-params",
            on_change=_forget_changes,
        )
    )
    if title in BESIDE:
        about, draw = BESIDE[title]
        st.caption(about)
        draw()
    else:
        st.caption(inert(known[title].about, 400))
        _recipe(known[title])


def _forget_changes() -> None:
    """Leave the changes of a recipe out of the address of an evaluation."""
    st.query_params.pop("set", None)


def _recipe(kind: Kind) -> None:
    files, form = recipe_files_of(kind), form_of(kind)
    if form.forecast and VERSION in st.query_params and not _from_version(st.query_params[VERSION]):
        return
    names = [name for name, of in recipe_kinds(reader()).items() if of.verb == kind.verb]
    names.sort(key=lambda name: name != files.example)
    if not names:
        st.info("This workspace has no such recipe yet.")
        command_button("Copy those that ship with Rollmill", ["init", "."], key="new-init")
        return
    recipe = choose(files.noun.capitalize(), names, files.parameter, forget=("set",))
    if not may_write():
        st.info(read_only_reason())
        st.code(visible((reader().root / recipe).read_text(encoding="utf-8", errors="replace")), language="yaml")
        return
    changes = changes_of(recipe)
    offered = _offer_linked(changes)
    keys = keys_of(recipe, changes)
    if not isinstance(keys, Keys):
        st.error("The recipe cannot be read.")
        st.code(visible("No answer came." if keys is None else keys.sentence), language=None, wrap_lines=True)
        if changes.other and draw_other(recipe, changes):
            st.rerun()
        st.button("Back to the file", on_click=changes.forget, key="new-mend")
        return
    st.html(STICKY)
    with st.container(horizontal=True, gap="medium"):
        left, right = st.container(width=FORM_WIDTH), st.container(width=PANEL_WIDTH, key=PANEL)
    with left:
        draw_keys(recipe, keys, changes)
        show_changes(keys, changes)
        mistakes = st.container()
    if not offered:
        _keep_in_address(keys.sets(changes))
    with right:
        _panel(kind, recipe, (keys.sets(changes), changes.refused()), mistakes)


def _panel(kind: Kind, recipe: str, keys: tuple[Sequence[str], str], mistakes: "DeltaGenerator") -> None:
    """Forecast and start. `keys`: the overrides, and what is wrong with a person's own words; a mistake is shown in
    `mistakes`.
    """
    sets, refused = keys
    form = form_of(kind)
    takes: Takes = object_at(form.takes)
    with st.container(border=True):
        st.markdown("#### What it takes")
        forecast_place = st.container()
    with st.container(border=True):
        st.markdown("#### Start")
        terms = choose_terms("new-terms", limits=form.limits, prefect=form.prefect)
        answers = _answers(kind, recipe, sets, terms)
        check, forecast = answers
        refusal = _show_mistakes(check, refused, mistakes)
        _start(kind, (recipe, sets), answers, terms, refusal)
    with forecast_place:
        if refusal is not None:
            st.caption("Nothing is forecast before the mistake is mended.")
        elif forecast is not None:
            show_forecast(forecast)
            _offer_pilot(recipe, sets, forecast, terms)
        elif check is not None and not form.forecast:
            takes.show(check)
        slots = _slots(form)
        waits = [slot for slot, answer in ((CHECK, check), (FORECAST, forecast)) if answer is None and slot in slots]
        if waits:
            what = "Forecasting from what is stored" if FORECAST in waits else "Checking"
            wait_for(waits, what)


def form_of(kind: Kind) -> StartForm:
    """The form of a kind that this page starts."""
    assert kind.form is not None
    return kind.form


def _answers(
    kind: Kind, recipe: str, sets: Sequence[str], terms: StartOptions
) -> tuple[CommandResult | None, CommandResult | None]:
    """Output of the check of a recipe and forecast of its run; None for one that is not there yet."""
    files: RecipeRules = recipe_files_of(kind)
    state: tuple[object, ...] = (recipe_stamp(reader(), recipe), tuple(statuses(runs(reader()))))
    if files.dry:
        words = command_of(kind.verb, recipe, sets, [*terms.machine(), files.dry, "--json"])
        return ask(CHECK, words, (*state, training_state())), None
    check = ask(CHECK, ["recipe", *command_of("check", recipe, sets, ["--json"])], state)
    if not form_of(kind).forecast:
        return check, None
    plan = ["--no-pilot", "--dry-run", "--simulations", str(SIMULATIONS), "--json"]
    return check, ask(FORECAST, command_of("plan", recipe, sets, [*terms.machine(), *plan]), state)


def _slots(form: StartForm) -> Sequence[str]:
    return (CHECK, FORECAST) if form.forecast else (CHECK,)


def _show_mistakes(check: CommandResult | None, refused: str, place: "DeltaGenerator") -> str | None:
    """The command's own sentence about a mistake, under the form; the reason why nothing can be started, if any."""
    unsure = not refused and check is not None and check.status == 1  # not everything could be looked at
    if not refused and (check is None or check.status == 0):
        return None
    with place:
        if unsure:
            st.warning("Not everything could be checked.")
        else:
            st.error("This would be refused:")
        st.code(visible(refused or (check.sentence if check else "")), language=None, wrap_lines=True)
    return None if unsure else "It would be refused: the mistake is named under the form."


def _start(
    kind: Kind,
    recipe: tuple[str, Sequence[str]],
    answers: tuple[CommandResult | None, CommandResult | None],
    terms: StartOptions,
    refusal: str | None,
) -> None:
    """The start of a `recipe` with its overrides."""
    form, hashes = form_of(kind), recipe_hashes(answers)
    takes: Takes = object_at(form.takes)
    works = running(hashes)
    if works is not None:
        show_running(works)
        refusal = "A run of this very recipe works now; a second one would draw the same."
    why = refusal or takes.refusal(kind.verb, answers[0])
    cost = price(answers[1]) if form.forecast else takes.price(answers[0])
    about = [text for text in (cost, terms.sentence() if form.limits else "", takes.note) if text]
    noun = "run" if form.forecast else recipe_files_of(kind).noun
    asks = start_button(f"Start the {noun}", command_of(kind.verb, *recipe, terms.run()), about, key="new-start", why=why)
    if asks and form.forecast and price_known(answers[1]) and not _kept_before(hashes):
        # Kept before the run begins, so that the run scores it.
        ask(KEEP, command_of("plan", *recipe, [*terms.machine(), "--no-pilot", "--json"]), tuple(hashes))


def _kept_before(hashes: Sequence[str]) -> bool:
    """True if a forecast of this recipe waits for its run already."""
    return any(row.recipe_hash in hashes and row.score is None for row in reader().forecasts.list())


def _offer_pilot(recipe: str, sets: Sequence[str], forecast: CommandResult, terms: StartOptions) -> None:
    """A button that draws a pilot, where nothing stored tells what the run takes."""
    size = pilot_size(forecast)
    if size is not None:
        command = command_of("plan", recipe, sets, terms.pilot())
        about = [f"It draws {size:,} completions, which are kept apart from the run's, and then forecasts."]
        start_button(f"Forecast with a pilot of {size:,} completions", command, about, key=PILOT)


def _keep_in_address(sets: Sequence[str]) -> None:
    if sets != st.query_params.get_all("set"):
        if sets:
            st.query_params["set"] = list(sets)
        else:
            st.query_params.pop("set", None)


def _offer_linked(changes: Changes) -> bool:
    """Offer the changes that a link brings: a person applies them, as keys may name a Python file that would then run."""
    linked = st.query_params.get_all("set")
    if not linked or changes.texts or changes.other or changes.drawn:
        return False
    with st.container(border=True):
        st.markdown("This link brings changes to the recipe:")
        st.code(visible("\n".join(linked)), language=None, wrap_lines=True)
        if st.button("Apply them", key="new-apply"):
            changes.other = "\n".join(linked)
            st.rerun()
    return True


def _from_version(reference: str) -> bool:
    """Go to the recipe of a version with the overrides of its run; True where the page can go on at once."""
    origin = version_origin(reader(), reference.removeprefix("version "))
    if origin.path is not None:
        changes = changes_of(origin.path)
        changes.forget()
        changes.other = "\n".join(origin.sets)
        st.query_params.from_dict({"recipe": origin.path})
        return True
    _copy(origin)
    return False


def _copy(origin: VersionOrigin) -> None:
    """Offer to write the recipe of a version into a file, to start from."""
    st.info(f"The file that made {inert(origin.reference)} is not in this workspace; the version holds its recipe.")
    words = ["dataset", "recipe", f"--out={origin.copy}", "--", origin.reference]
    done = command_button(f"Write it to {origin.copy}", words, key=f"new-copy-{origin.reference}")
    if done is not None and done.status == 0:
        st.query_params.from_dict({"recipe": origin.copy})
        st.rerun()
