"""Home: running work, open tasks of people, ended runs, their costs, pass rates, next firings, newest versions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.home.charts import POINT, TOKENS, day_bars, rate_line
from rollmill.dashboards.pages.home.tasks import show_tasks
from rollmill.dashboards.pages.home.tour import show_tour, tour_button
from rollmill.dashboards.parts.activity import (
    REFRESH_LIVE,
    follow_runs,
    follow_trainings,
    left_of,
    time_words,
    training_words,
)
from rollmill.dashboards.parts.charts import spec_of
from rollmill.dashboards.parts.service import follow_service, show_service
from rollmill.dashboards.parts.strip import Square, show_strip
from rollmill.dashboards.session.address import PAGES, link
from rollmill.dashboards.session.kept import kept_by, kept_of, kept_runs, steps_of
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.units import counted
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.stats import whole_of
from rollmill.storage.queries import Reader, Run, VersionInfo, datasets, run_progress, versions_of
from rollmill.storage.queries.cost import money_text
from rollmill.storage.queries.daily_spend import DailySpend, daily_spend
from rollmill.storage.queries.histories.dataset_history import every_stamp, history_stamp
from rollmill.storage.queries.models.progress import TrainingLine, training_lines
from rollmill.storage.queries.open_tasks import OpenTask, judging_tasks, run_tasks, sign_off_tasks
from rollmill.storage.queries.schedules import ScheduleRow, schedules, service

MOST = 5  # lines of a card
STRIP = 30  # runs in the strip
DAYS = {"14 days": 14, "30 days": 30}
CARDS = "home-cards"
# Two cards beside each other need this much; a narrower page has them below one another.
STYLE = f"<style>.st-key-{CARDS} [data-testid='stColumn'] {{ min-width: min(100%, 26rem); }}</style>"

Versions = Sequence[Sequence[VersionInfo]]


def show() -> None:
    """Draw the page."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title("Home", width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            link("New run", "New run", icon=":material/add_circle:")
            tour_button()
    show_tour()
    summaries, trainings = kept_runs(reader()), training_lines(reader())
    follow_trainings(trainings)
    if not summaries and not trainings:
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    follow_runs(summaries)
    fired, versions = schedules(reader()), _versions()
    with st.container(key=CARDS):
        st.html(STYLE)
        _cards(summaries, trainings, fired, versions)


def _cards(
    summaries: Sequence[Run], trainings: Sequence[TrainingLine], fired: Sequence[ScheduleRow], versions: Versions
) -> None:
    """The cards in rows of two, of one height."""
    left, right = st.columns(2)
    with left, _card("Needs you"):
        show_tasks(_tasks(summaries, fired, versions))
    working = [run for run in summaries if run.status == "running"]
    trains = any(line.status == "running" for line in trainings)
    with right, _card("Running"):
        st.fragment(_running, run_every=REFRESH_LIVE if working or trains else None)(working[:MOST])
    with _card("Last runs"):
        show_strip("runs", [_square(run) for run in reversed([run for run in summaries if not run.is_pilot][:STRIP])])
    left, right = st.columns(2)
    with left, _card("Tokens and cost"):
        _show_spent(summaries)
    with right, _card("Pass rates"):
        _show_rates(versions)
    left, right = st.columns(2)
    with left, _card("Schedules"):
        _show_schedules(fired)
    with right, _card("Newest versions"):
        _show_versions(versions)


def _card(title: str) -> "st.delta_generator.DeltaGenerator":
    card = st.container(border=True, height="stretch")
    card.subheader(title, anchor=False)
    return card


def _tasks(summaries: Sequence[Run], fired: Sequence[ScheduleRow], versions: Versions) -> list[OpenTask]:
    """The tasks, of each sort in turn: many runs that ended badly hide no audit."""

    def judging(source: Reader) -> list[OpenTask]:
        return judging_tasks(source, summaries)

    sorts = (run_tasks(summaries, fired), kept_of(reader(), judging), sign_off_tasks(versions))
    return [task for turn in zip_longest(*sorts) for task in turn if task is not None]


def _running(working: Sequence[Run]) -> None:
    trainings = [line for line in training_lines(reader()) if line.status == "running"]
    if not working and not trainings:
        st.caption("No run works now.")
        st.code("rollmill curate recipes/arithmetic.yaml", language=None, wrap_lines=True)
    for run in working:
        stages = run_progress(reader(), run.id)
        latest = max(stages, key=lambda stage: stage.updated_at, default=None)
        link("Runs", f"**{inert(run.id)}**", run=run.id)
        if latest is not None:
            whole, left = whole_of(latest.detail, latest.total)["median"], left_of(stages)
            text = f"{inert(latest.stage)} {latest.done:,} of {'about ' if whole > latest.total else ''}{whole:,.0f}"
            text += f" · {inert(left)}" if left is not None else ""
            st.progress(min(1.0, latest.done / whole if whole else 0.0), text=text)
    for line in trainings[:MOST]:
        link("Models", f"**{inert(line.model)}** trains", training=line.id)
        st.progress(line.share, text=training_words(line))


def _square(run: Run) -> Square:
    status = "refused" if run.refused else run.status
    words = f"{run.id}: {status}, begun {run.started_at:%a %d %b, %H:%M} UTC"
    return Square(status, words, page="Runs", query={"run": run.id})


def _show_spent(summaries: Sequence[Run]) -> None:
    """Bars by day, the totals, and the runs that took most."""
    chosen = st.segmented_control(
        "Days", list(DAYS), default="14 days", required=True, key="days", bind="query-params", label_visibility="collapsed"
    )
    days, today = DAYS[str(chosen)], datetime.now(UTC).date()
    state = (*reader().state(), days, today)

    def asked(source: Reader) -> DailySpend:
        return daily_spend(source, summaries, days, today)

    spent = kept_by(state, reader(), asked)
    labels, root = [f"{row.day:%d %b}" for row in spent.days], str(reader().root)
    tokens, currencies = [row.whole.tokens for row in spent.days], spent.currencies()
    if not spent.whole.completions:
        st.caption(f"Nothing was drawn in the last {chosen}.")
        return
    words = [f"{count:,}" for count in tokens]
    _draw(spec_of((root, *state), TOKENS, lambda: day_bars(labels, tokens, TOKENS, words)))
    for currency in currencies:
        amounts = [row.amounts().get(currency, 0.0) for row in spent.days]
        texts = [money_text(row.money[currency], currency) if currency in row.money else "-" for row in spent.days]
        title = currency or "cost"
        bars = spec_of((root, *state), f"cost {currency}", lambda: day_bars(labels, amounts, title, texts))  # noqa: B023
        _draw(bars)
    money = [money_text(sums, currency) for currency, sums in currencies.items()]
    st.caption(f"In total {', '.join([f'{spent.whole.tokens:,} tokens', *map(inert, money)])}. Most:")
    currency_of = {run.id: run.summary.get("currency") for run in summaries}
    for run, sums in list(spent.runs.items())[:3]:
        cost = money_text(sums, currency_of.get(run))
        text = f"{inert(run)}: {sums.tokens:,} tokens{'' if cost == '-' else f', {inert(cost)}'}"
        link("Runs", text, run=run, tab="Cost and forecast")


def _draw(spec: dict[str, object] | None) -> None:
    if spec is not None:
        st.vega_lite_chart(spec, width="stretch")


def _show_rates(versions: Versions) -> None:
    """A line for each dataset with a measured rate, the one with the newest version first."""
    shown = 0
    for every in versions[:MOST]:
        name, source = every[0].name, reader()
        steps = steps_of(source, name)
        state = (str(source.root), name, history_stamp(source, name))
        spec = spec_of(state, "home", lambda: rate_line(steps))  # noqa: B023 - it is made at once
        if spec is None:
            continue
        shown += 1
        newest = next(step for step in steps if step.rate.get("pass_rate") is not None)
        rate = with_interval(newest.rate["pass_rate"], newest.rate["low"], newest.rate["high"])
        link("Datasets", f"**{inert(newest.info.ref)}** {rate}", dataset=name, version=newest.info.ref)
        event = st.vega_lite_chart(spec, width="stretch", key=f"rates-{name}", on_select="rerun", selection_mode=POINT)
        for point in event.selection.get(POINT, ()):
            query = {"dataset": name, "version": str(point["name"])}
            st.switch_page(st.session_state[PAGES]["Datasets"], query_params=query)
    if shown:
        st.caption("First completions of each problem, 95% interval over templates. A click on a point opens the version.")
    else:
        st.caption("No dataset version with a measured pass rate yet.")
    if len(versions) > MOST:
        link("Datasets", counted(len(versions) - MOST, "more dataset"), icon=":material/inventory_2:")


def _show_schedules(fired: Sequence[ScheduleRow]) -> None:
    if not fired:
        st.caption("No schedule yet.")
        st.code('rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"', language=None, wrap_lines=True)
        return
    state = service(reader())
    follow_service(state, fires=any(row.last and row.last.status == "running" for row in fired))
    show_service(state, waiting=sum(row.schedule.own and not row.schedule.paused for row in fired))
    for row in [row for row in fired if row.next_five][:MOST]:
        would = "" if state.alive else "would fire "
        text = f"{inert(row.schedule.name)}: {would}{inert(time_words(row.next_five[0]))}"
        link("Schedules", text, schedule=row.schedule.name)
    if not any(row.next_five for row in fired):
        st.caption("Nothing fires next.")


def _versions() -> Versions:
    """The versions of every dataset, the newest first; the dataset with the newest version first."""
    return kept_by(every_stamp(reader()), reader(), _every_version)


def _every_version(source: Reader) -> Versions:
    every = [versions_of(source, row.name) for row in datasets(source) if row.newest]
    return sorted(every, key=lambda versions: str(versions[0].created_at), reverse=True)


def _show_versions(versions: Versions) -> None:
    latest = [version for every in versions for version in every[:MOST]]
    newest = sorted(latest, key=lambda version: str(version.created_at), reverse=True)
    for version in newest[:MOST]:
        text = f"{inert(version.ref)}: {version.kept:,} of {version.rows:,} rollouts kept"
        link("Datasets", text, dataset=version.name, version=version.ref)
    if not newest:
        st.caption("No dataset version yet: a run publishes one when its gate passes.")
