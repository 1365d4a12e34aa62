"""The dashboard: Streamlit pages over storage.queries, pipelines.metrics and pipelines.stats.

`server` is what Streamlit runs, `pages` has a module or a package for each page of the menu, `parts` what several pages
show, `session` what belongs to a visit: its address, the workspace, answers kept, commands. Pages read; what changes the
workspace are a person's judgements, and the commands that a person runs here.
"""
