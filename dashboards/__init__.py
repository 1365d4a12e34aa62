"""Streamlit pages over storage.queries and pipelines.stats. They read; they never write or judge."""
