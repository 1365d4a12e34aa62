"""Jobs that are started beside runs: an audit of a verifier, and the export of a dataset version."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
import yaml

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.start.launch import LAST, POLL
from rollmill.dashboards.parts.form import draw_field, text_of
from rollmill.dashboards.session.address import choose, link
from rollmill.dashboards.session.commands import (
    mark_click,
    may_write,
    read_only_reason,
    show_done,
    silent_button,
    taken_click,
    typed,
)
from rollmill.dashboards.session.export_matches import export_folder, offer_file
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.session.started import Started, start
from rollmill.dashboards.units import size
from rollmill.storage.queries import audit_queues, datasets, runs, versions_of
from rollmill.storage.queries.histories.dataset_history import export_fields, export_formats

CHAIN = "chain"  # every verifier of a run, with their policy
ENDINGS = ("jsonl", "parquet")


def show_audit() -> None:
    """Draw the form of an audit. An audit samples stored rollouts; no model is asked."""
    known = {run.id: run for run in runs(reader()) if run.status == "done" and run.verifiers and not run.is_pilot}
    if not known:
        nothing_yet("No run is done yet: an audit draws from its rollouts.")
        return
    run = known[choose("Run", list(known), "run")]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [*(name for name, _ in run.verifiers), CHAIN]
        verifier = st.selectbox("Verifier", names, key="audit-verifier", format_func=visible, width=240)
        count = st.number_input("Rollouts to draw", 1, 100_000, 300, key="audit-n", width=150)
        seed = st.number_input("Seed", 0, 2**53 - 1, 1, key="audit-seed", width=150, help="Another seed, another sample.")
        planted = st.toggle(
            "Plant errors instead", key="audit-planted", help="A stress test of accepted rollouts; it corrects no rate."
        )
    words = ["audit", "verifier", f"--run={run.id}", f"--n={count}", f"--seed={seed}", *(["--planted"] if planted else [])]
    with st.container(horizontal=True):
        tried = silent_button("Dry run", [*words, "--dry-run", "--", verifier], key="audit-dry", help="Writes nothing.")
        done = silent_button("Start the audit", [*words, "--", verifier], key="audit-start", confirm=True)
    if tried is not None or done is not None:
        show_done(max(filter(None, (tried, done)), key=lambda command: command.at))
    if done is not None and done.status == 0:
        if planted:
            link("Verifiers", "The audit's rates", icon=":material/gavel:", of=f"run {run.id}")
        else:
            titles = [title for _, title in audit_queues(reader())]
            link(
                "Review",
                "Judge the drawn rollouts",
                icon=":material/fact_check:",
                **({"queue": titles[0]} if titles else {}),
            )


def show_export() -> None:
    """Draw the form of an export; the file is made by the command and can be downloaded here."""
    references = [
        version.ref for row in datasets(reader()) for version in versions_of(reader(), row.name) if version.fetched
    ]
    if not references:
        nothing_yet("No dataset version yet.")
        return
    reference = choose("Version", references, "version")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fmt = str(st.selectbox("Format", export_formats(), key="format", bind="query-params", width=240))
        ending = str(st.segmented_control("File", ENDINGS, default=ENDINGS[0], required=True, key="export-ending"))
    sets = _options(fmt)
    name = f"{reference.replace('@', '-')}-{fmt}.{ending}"
    words = ["dataset", "export", f"--format={fmt}", *(word for text in sets for word in ("--set", text))]
    st.code(visible(typed([*words, f"--out={name}", "--", reference])), language=None, wrap_lines=True)
    started: Started | None = st.session_state.get(LAST)
    mine = started if started is not None and started.words[:-1][: len(words)] == tuple(words) else None
    works = mine is not None and mine.status is None
    st.button(
        "Make the file", key="export-make", type="primary", icon=":material/download:", disabled=works or not may_write(),
        help=None if may_write() else read_only_reason(), on_click=mark_click, args=("export-make",),
    )  # fmt: skip
    if taken_click("export-make") is not None:
        _make(words, name, reference)
        st.rerun()
    if mine is not None and mine.words[-1] == reference:
        _show_file(mine)


def _options(fmt: str) -> list[str]:
    """Widgets of the format's options; those with another value than their default, as KEY=VALUE."""
    sets = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for field in export_fields(fmt):
            before = text_of(field)
            text = draw_field(field, before, f"export-{fmt}-{field.path}")
            if text != before:  # a text is taken as it is, and not as YAML
                sets.append(f"{field.path}={yaml.safe_load(text) if field.type.kind == 'text' else text}")
    return sets


def _make(words: Sequence[str], name: str, reference: str) -> None:
    folder = export_folder() / str(abs(hash((*words, name, reference))))
    folder.mkdir(exist_ok=True)
    started = start([*words, f"--out={folder / name}", "--", reference])
    if started is not None:
        st.session_state[LAST] = started


def _show_file(started: Started) -> None:
    if started.status is None:
        st.fragment(_wait, run_every=POLL)(started)
        return
    out = next(word for word in started.words if word.startswith("--out="))
    path = Path(out.removeprefix("--out="))
    # The folder is the dashboard's own, and goes with it.
    st.code(visible(started.output.replace(f"{path.parent}/", "")), language=None, wrap_lines=True)
    if started.status == 0 and path.exists():
        label = f"Download {inert(path.name)} ({size(path.stat().st_size)})"
        st.link_button(label, offer_file(path), icon=":material/download:")


def _wait(started: Started) -> None:
    if started.status is not None:
        st.rerun()
    st.caption(":material/hourglass_top: Writing the file")
