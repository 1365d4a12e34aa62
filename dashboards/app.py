"""The dashboard: `streamlit run dashboards/app.py`, or `rollmill dashboard`."""

from pathlib import Path

import streamlit as st

from dashboards import page_budgets, page_datasets, page_difficulty, page_overview, page_problems, page_review
from dashboards.scope_choice import guarded

ICON = Path(__file__).with_name("icon.png")  # a named icon would be fetched from another host

st.set_page_config(page_title="Rollmill", page_icon=str(ICON), layout="wide")
st.navigation(
    [
        st.Page(
            guarded(page_overview.show), title="Overview", url_path="overview", icon=":material/monitoring:", default=True
        ),
        st.Page(guarded(page_datasets.show), title="Datasets", url_path="datasets", icon=":material/inventory_2:"),
        st.Page(guarded(page_problems.show), title="Problems", url_path="problems", icon=":material/quiz:"),
        st.Page(guarded(page_difficulty.show), title="Difficulty", url_path="difficulty", icon=":material/bar_chart:"),
        st.Page(guarded(page_budgets.show), title="Budgets", url_path="budgets", icon=":material/savings:"),
        st.Page(guarded(page_review.show), title="Review", url_path="review", icon=":material/fact_check:"),
    ]
).run()
