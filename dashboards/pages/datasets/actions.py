"""Actions on a dataset version: mark it, check the remote, export it, load it elsewhere."""

from typing import TYPE_CHECKING

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.session.commands import command_button, disabled_button
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted, size
from rollmill.ground.errors import RollmillError
from rollmill.storage.queries.histories.dataset_history import MOST_EXPORTED, export_formats, exported, not_pushed

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep


def show_marks(step: "VersionStep") -> None:
    """Draw tags, withdrawal and sign-off; each runs the command shown next to it."""
    info, key = step.info, step.info.ref
    tags, yank, sign = st.columns(3)
    with tags:
        st.subheader("Tags", anchor=False)
        name = st.text_input("New tag", key=f"tag-{key}", placeholder="release")
        move = st.checkbox("Take it off another version", key=f"move-{key}")
        words = ["dataset", "tag", *(["--move"] if move else []), "--", info.ref, name.strip()]
        if name.strip():
            command_button("Tag", words, key=f"do-tag-{key}")
        else:
            disabled_button("Tag", "Type a tag first: a name that readers use instead of the number.", f"tag-{key}")
        for tag in info.tags:
            command_button(f"Untag {inert(tag, 40)}", ["dataset", "untag", "--", info.ref, tag], key=f"untag-{key}-{tag}")
    with yank:
        st.subheader("Withdraw", anchor=False)
        if info.yanked is not None:
            st.caption("Withdrawn: readable by number only.")
            st.code(visible(info.yanked), language=None, wrap_lines=True)
            command_button("Take the withdrawal back", ["dataset", "unyank", "--", info.ref], key=f"unyank-{key}")
        else:
            reason = st.text_input("Why, for readers", key=f"why-{key}", placeholder="wrong references in template ages")
            if reason.strip():
                # With "=", so that a reason that begins with a dash is not read as an option.
                words = ["dataset", "yank", f"--reason={reason.strip()}", "--", info.ref]
                command_button("Yank", words, key=f"yank-{key}", confirm=True)
            else:
                disabled_button(
                    "Yank", "Give a reason first: readers see it. The version stays readable by its number.", f"yank-{key}"
                )
    with sign:
        st.subheader("Sign off", anchor=False)
        by = st.text_input("Your name", key=f"by-{key}")
        note = st.text_input("What you looked at", key=f"note-{key}", placeholder="read 100 rows")
        if by.strip():
            words = ["dataset", "sign-off", f"--by={by.strip()}", *([f"--note={note.strip()}"] if note.strip() else [])]
            command_button("Sign off", [*words, "--", info.ref], key=f"sign-{key}")
        else:
            disabled_button("Sign off", "Type your name first.", f"sign-{key}")
        for word in info.signoffs:
            st.code(
                visible(f"{word.at[:10]} {word.by}{f': {word.note}' if word.note else ''}"), language=None, wrap_lines=True
            )


def show_remote(name: str) -> None:
    """Show the versions that the DVC remote lacks, on demand: the check takes seconds."""
    st.subheader("DVC remote", anchor=False)
    state = f"remote-{name}"
    if st.button("Check the remote", key=f"ask-{name}"):
        with st.spinner("Asking the remote"):
            try:
                st.session_state[state] = not_pushed(reader(), name)
            except RollmillError as error:
                st.session_state[state] = str(error)
    missing = st.session_state.get(state)
    if isinstance(missing, str):
        st.code(visible(missing), language=None, wrap_lines=True)
    elif missing:
        st.warning(f"Not in the remote: {', '.join(map(inert, missing))}.")
        command_button("Push them", ["dataset", "push", "--", name], key=f"push-{name}")
    elif missing is not None:
        st.success("Every tracked version is in the remote.")


def show_export(step: "VersionStep") -> None:
    """Draw the command for each format, a download of a small version, and code for loading it elsewhere."""
    info = step.info
    left, right = st.columns(2)
    with left:
        st.subheader("Export", anchor=False)
        fmt = st.selectbox("Format", export_formats(), key="format", bind="query-params")
        st.code(
            f"rollmill dataset export {info.ref} --format {fmt} --out {info.name}-v{info.number}.jsonl",
            language=None,
            wrap_lines=True,
        )
        if not step.here:
            st.caption("Its rows are not here: pull them first.")
        elif info.kept > MOST_EXPORTED:
            st.caption(
                f"{counted(info.kept, 'kept row')}: run the command; up to {MOST_EXPORTED:,} there is a download here."
            )
        else:
            _download(step, fmt)
    with right:
        st.subheader("Load", anchor=False)
        how = st.segmented_control(
            "With", list(LOADING), default="rollmill", required=True, key="with", bind="query-params"
        )
        folder = info.path.relative_to(reader().root) if info.path.is_relative_to(reader().root) else info.path
        file = f"{info.name}-v{info.number}.jsonl"
        st.code(LOADING[how or "rollmill"].format(ref=info.ref, folder=folder, file=file), language="python")


LOADING = {
    "rollmill": """\
import rollmill

with rollmill.open() as workspace:  # in the workspace's folder
    frame = workspace.rollouts(dataset="{ref}").filter("kept").df()
""",
    "duckdb": """\
import duckdb

# where the folder was moved: `rollmill dataset path {ref}` writes the file again
connection = duckdb.connect("{folder}/dataset.duckdb", read_only=True)
kept = connection.sql("SELECT * FROM kept").df()
""",
    "pandas": """\
import pandas as pd

# rollmill dataset export {ref} --format sft --out {file}
frame = pd.read_json("{file}", lines=True)
""",
    "datasets": """\
from datasets import load_dataset

# rollmill dataset export {ref} --format sft --out {file}
rows = load_dataset("json", data_files="{file}", split="train")
""",
}


def _download(step: "VersionStep", fmt: str) -> None:
    """A download in two steps, so that a page view without a download writes nothing."""
    key = f"file-{step.info.ref}-{fmt}"
    if st.button("Make the file", key=f"make-{key}"):
        try:
            st.session_state[key] = exported(reader(), step.info.ref, fmt)
        except RollmillError as error:
            st.session_state[key] = str(error)
    file_bytes = st.session_state.get(key)
    if isinstance(file_bytes, str):
        st.code(visible(file_bytes), language=None, wrap_lines=True)
    elif file_bytes is not None:
        file = f"{step.info.name}-v{step.info.number}-{fmt}.jsonl"
        st.download_button(
            f"Download {size(len(file_bytes))}",
            file_bytes,
            file,
            "application/jsonl",
            on_click="ignore",
            key=f"get-{key}",
        )
