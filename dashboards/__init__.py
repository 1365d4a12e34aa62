"""Streamlit pages over storage.queries and pipelines.stats. They read; the one thing they write is what a person judged."""
