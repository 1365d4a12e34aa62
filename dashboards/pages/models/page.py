"""Models: a table of versions; lineage, loss, evaluations over versions and card of the chosen one; trainings under way."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, inert_page, one_line, page_sections, visible
from rollmill.dashboards.pages.models.charts import POINT, family_chart
from rollmill.dashboards.pages.models.experiments import VIEW, choose_view, follow_experiments, show_experiments
from rollmill.dashboards.pages.models.lineage import show_lineage
from rollmill.dashboards.pages.models.trainings import CHOSEN, draw_curve, show_trainings
from rollmill.dashboards.parts.activity import follow_trainings
from rollmill.dashboards.session.address import PAGES, choose, link
from rollmill.dashboards.session.commands import command_button, typed
from rollmill.dashboards.session.kept import kept_by, kept_runs
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted, duration, moment, size
from rollmill.storage.queries import Reader
from rollmill.storage.queries.models.evaluated import (
    MeasuredCell,
    family_cells,
    family_metrics,
    family_series,
    measured_cells,
)
from rollmill.storage.queries.models.experiments import experiment_lines
from rollmill.storage.queries.models.model_lineage import ModelLineage, model_lineage
from rollmill.storage.queries.models.progress import LossCurve, TrainingLine, training_lines, version_curve
from rollmill.storage.queries.models.versions import ModelLine, model_card_text, model_lines, model_record, models_stamp

NEXT = "rollmill curate recipes/arithmetic.yaml\nrollmill train recipes/training/student.yaml"
SHOWN = 8  # rows of the table before it scrolls
COLUMNS: dict[str, Any] = {
    "model": st.column_config.TextColumn(width=140),
    "from": st.column_config.TextColumn(width=150, help="the initial model"),
    "data": st.column_config.TextColumn(width=160, help="the dataset versions that it was trained on"),
    "loss": st.column_config.TextColumn(width=70, help="the objective"),
    "steps": st.column_config.NumberColumn(format="localized", width=70),
    "trained tokens": st.column_config.NumberColumn(format="localized", width=105),
    "seconds": st.column_config.NumberColumn(format="%.0f", width=75),
    "tags": st.column_config.TextColumn(width=110),
    "made (UTC)": st.column_config.TextColumn(width=125),
    "withdrawn": st.column_config.TextColumn(width=140),
    "here": st.column_config.CheckboxColumn(width=50, help="its weights are in this clone"),
    "DVC": st.column_config.CheckboxColumn(width=50, help="tracked by DVC, so that it can be pushed and pulled"),
}
TABS = ("Card", "Commands", "Record")
PICTURES = "models-pictures"
# Two pictures beside each other need this much; a narrower page has them below one another.
STYLE = f"<style>.st-key-{PICTURES} [data-testid='stColumn'] {{ min-width: min(100%, 26rem); }}</style>"


def show() -> None:
    """Draw the page."""
    st.title("Models")
    link("New run", "New training", icon=":material/add_circle:", what="Train")
    trainings = training_lines(reader())
    follow_trainings(trainings)
    experiments = experiment_lines(reader())
    follow_experiments(experiments)
    lines = kept_by(models_stamp(reader()), reader(), model_lines)
    show_trainings(trainings)
    if choose_view(experiments) == VIEW:
        show_experiments(experiments)
        return
    if not lines:
        if not trainings:
            st.info("No model yet. A training makes one from a dataset version; these need no GPU and no download:")
            st.code(NEXT, language=None)
        return
    named = {line.ref: line for line in lines}
    _open_made(trainings, named)
    line = named[choose("Model", list(named), "model")]
    _table(lines)
    _head(line)
    state = (models_stamp(reader()), reader().state())
    cells = kept_by(state, reader(), _cells)
    st.markdown("**Lineage** · data and models behind it, and what was done with it; a click opens the page")
    graph = kept_by(state, reader(), _lineage, line)
    show_lineage(graph, line.ref)
    if graph.left_out:
        st.caption(f"{counted(graph.left_out, 'older step')} behind it not shown.")
    st.html(STYLE)
    left, right = st.container(key=PICTURES).columns(2)
    with left:
        st.markdown("**Loss** while it was trained")
        _loss(line)
    with right:
        _family(line, lines, cells)
    _tabs(line)


def _open_made(trainings: Sequence[TrainingLine], named: "dict[str, ModelLine]") -> None:
    """Show the version that the training of the address made, once it is there."""
    done = next((line for line in trainings if line.id == st.query_params.get(CHOSEN) and line.status == "done"), None)
    if done is not None and done.version in named:
        st.query_params.from_dict({"model": done.version})
        st.toast(f"{inert(done.version)} is trained.", icon=":material/check:")


def _cells(source: Reader) -> list[MeasuredCell]:
    return measured_cells(kept_runs(source))


def _lineage(source: Reader, line: ModelLine) -> ModelLineage:
    runs = kept_runs(source)
    return model_lineage(source, line, model_lines(source), runs, measured_cells(runs))


def _table(lines: Sequence[ModelLine]) -> None:
    """Every version; a click on a row chooses it, a click on a head sorts."""
    frame = pd.DataFrame(
        {
            "model": [visible(line.ref) for line in lines],
            "from": [one_line((line.init or "imported").removeprefix("models/"), 80) for line in lines],
            "data": [one_line(", ".join(line.data), 120) for line in lines],
            "loss": [one_line(line.loss or "", 40) for line in lines],
            "steps": [line.steps for line in lines],
            "trained tokens": [line.tokens for line in lines],
            "seconds": [line.seconds for line in lines],
            "tags": [one_line(", ".join(line.tags), 120) for line in lines],
            "made (UTC)": [moment(line.made) for line in lines],
            "withdrawn": [one_line(line.yanked or "", 120) for line in lines],
            "here": [line.here for line in lines],
            "DVC": [line.tracked for line in lines],
        }
    )

    def clicked() -> None:
        rows = st.session_state["models"].selection.rows
        if rows:
            st.query_params["model"] = lines[rows[0]].ref
            st.query_params.pop(CHOSEN, None)

    silent = [name for name in ("tags", "withdrawn") if not frame[name].any()]
    silent += [name for name in ("here", "DVC") if frame[name].all()]
    st.dataframe(
        frame.drop(columns=silent),
        hide_index=True,
        width="stretch",
        height=35 * (min(len(frame), SHOWN) + 1) + 3,
        column_config=COLUMNS,
        key="models",
        placeholder="",
        on_select=clicked,
        selection_mode="single-row",
    )


def _head(line: ModelLine) -> None:
    """The chosen version: its state in words and the next steps."""
    st.header(inert(line.ref), anchor=False)
    row = st.container(horizontal=True, vertical_alignment="center")
    for tag in line.tags:
        row.badge(inert(tag, 40), icon=":material/sell:", color="violet")
    if line.yanked is not None:
        row.badge(f"withdrawn: {inert(line.yanked, 80)}", icon=":material/block:", color="red")
    row.badge("weights here" if line.here else "weights not here", color="green" if line.here else "orange")
    row.badge("tracked by DVC" if line.tracked else "not in DVC", color="blue" if line.tracked else "gray")
    facts = [f"content {line.content_hash[:12]}", size(line.bytes)]
    facts += [f"{line.tokens:,} trained tokens"] if line.tokens is not None else []
    facts += [f"trained in {duration(line.seconds)}"] if line.seconds is not None else []
    row.caption(" · ".join(facts))
    if not line.here:
        st.info("The weights, the card and the reports of this version are not in this clone.")
        command_button("Pull them", ["model", "pull", "--", line.ref], key=f"pull-{line.ref}")


def _loss(line: ModelLine) -> None:
    curve = kept_by((models_stamp(reader()), line.ref), reader(), _curve, line.ref)
    if line.here and line.loss is not None:
        draw_curve(curve, line.ref)
    else:
        st.caption("It was imported: no training is known." if line.loss is None else "Its reports are not in this clone.")


def _curve(source: Reader, reference: str) -> LossCurve:
    return version_curve(source, reference)


def _family(line: ModelLine, lines: Sequence[ModelLine], cells: Sequence[MeasuredCell]) -> None:
    """A metric of the versions of this model, as their evaluations measured it."""
    family = family_cells([other for other in lines if other.name == line.name], cells)
    evaluations = list(dict.fromkeys(cell.evaluation for number, cell in family if number))
    st.markdown(f"**Evaluations** of {inert(line.name)} over its versions, 95% intervals")
    if not evaluations:
        st.caption("No version of it was evaluated yet. Name it in an evaluation's models, or:")
        models = f"models=[{{name: {line.name}-v{line.number}, model: models/{line.ref}}}]"
        words = ["evaluate", "recipes/evaluations/arithmetic.yaml", "--set", models]
        st.code(visible(typed(words)), language=None, wrap_lines=True)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        evaluation = st.selectbox(
            "Evaluation", evaluations, key="of-evaluation", format_func=visible, label_visibility="collapsed", width=240
        )
        mine = [(number, cell) for number, cell in family if cell.evaluation == evaluation]
        names = family_metrics(cell for _, cell in mine)
        metric = st.selectbox(
            "Metric", names, key="of-metric", format_func=visible, label_visibility="collapsed", width=160
        )
        link("Compare", "Compare", icon=":material/compare_arrows:", evaluation=str(evaluation))
    chart = family_chart(family_series(mine, str(metric)), one_line(str(metric), 60), line.number)
    event: Any = st.altair_chart(chart, width="stretch", key="family", on_select="rerun", selection_mode=POINT)
    for point in event.selection.get(POINT, ()):
        st.switch_page(st.session_state[PAGES]["Runs"], query_params={"run": str(point["run"])})
    st.caption(
        "The numbers are those that the evaluation measured, on the same problems, verifiers and sampling. Intervals of "
        "two versions may overlap although they differ: Compare pairs them by problem. A click on a point opens its run."
    )


def _tabs(line: ModelLine) -> None:
    """Tabs of the chosen version; the content of a hidden tab is not made."""
    card, commands, record = st.tabs(TABS, key="tab", bind="query-params")
    with card:
        if card.open and line.here:
            _card(line.ref)
    with commands:
        if commands.open:
            _commands(line)
    with record:
        if record.open:
            st.json(model_record(reader(), line.ref), expanded=1)


def _card(reference: str) -> None:
    """The card without its metadata, which the tab Record has."""
    text = model_card_text(reader(), reference)
    sections = page_sections(text.partition("\n---\n")[2] if text.startswith("---\n") else text)
    st.markdown(inert_page(sections[0][1].partition("\n")[2].strip()))
    for heading, section in sections[1:]:
        st.subheader(inert(heading), anchor=False)
        st.markdown(inert_page(section))


def _commands(line: ModelLine) -> None:
    """Commands on the version, to copy."""
    other = f"{line.name}@v{line.number - 1}" if line.number > 1 else None
    commands = {
        "Its card in a terminal": ["model", "show", line.ref],
        "Problems that it was trained on, and how often": ["model", "why", line.ref],
        **({f"Differences to v{line.number - 1}": ["model", "diff", other, line.ref]} if other else {}),
        "Give it a name": ["model", "tag", line.ref, "release"],
        "Withdraw it": ["model", "yank", line.ref, "--reason", "why, for readers"],
        "Copy its weights to the DVC remote": ["model", "push", line.ref],
    }
    st.caption("Draw with it: in a recipe")
    st.code(visible(f"generate: {{model: models/{line.ref}}}"), language="yaml")
    st.caption("Train from it: in a training recipe")
    st.code(visible(f"init: models/{line.ref}"), language="yaml")
    for words, command in commands.items():
        st.caption(words)
        st.code(visible(typed(command)), language=None, wrap_lines=True)
