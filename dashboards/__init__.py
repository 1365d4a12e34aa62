"""The dashboard: Streamlit pages over storage.queries, pipelines.metrics and pipelines.stats.

`server` is what Streamlit runs, `pages` has a module or a package for each page of the menu, `parts` what several pages
show, `session` what belongs to a visit: its address, the workspace, answers kept, commands. Pages only read the workspace;
a person changes it by judgements and by commands run here.
"""
