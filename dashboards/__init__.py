"""The dashboard: Streamlit pages over rollmill.storage.queries, rollmill.metrics and rollmill.stats.

`server` is what Streamlit runs, `pages` has a module or a package for each page of the menu, `parts` what several pages
show, `session` what belongs to a visit: its address, the workspace, answers kept, commands. Pages only read the workspace;
a person changes it by judgements and by commands run here.
"""

if __name__ == "dashboards":  # found because the checkout is on the path
    raise ImportError("import rollmill.dashboards")
