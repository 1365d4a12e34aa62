"""Streamlit's command line with connections that are bounded: `python -m rollmill.dashboards.server run serve.py` ..."""

from streamlit.web.cli import main

from rollmill.pipelines.processes.connections import bound

if __name__ == "__main__":
    bound()
    main(prog_name="streamlit")
