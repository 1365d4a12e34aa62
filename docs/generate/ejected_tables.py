"""The reference page on the files of `rollmill dataset eject`."""

from rollmill.flows.workspace.ejecting import schema_page


def page() -> str:
    """The page as Markdown."""
    return (
        "# Tables of `dataset eject`\n\n`rollmill dataset eject DATASET|RUN DIR` writes these files. "
        f"about.json has the recipe and the hashes of a version.\n\n{schema_page()}"
    )
