"""Pages of the documentation that are made from the code: `python -m docs.generate` writes them into docs/reference."""

from collections.abc import Mapping

GENERATED: Mapping[str, str] = {
    "reference/recipe-keys.md": "recipe_keys",
    "reference/methods.md": "methods",
    "reference/methods-api.md": "methods_api",
    "reference/command-line.md": "command_line",
    "reference/suites.md": "suites",
    "reference/papers.md": "papers",
    "reference/ejected-tables.md": "ejected_tables",
}
"""The place of each page under docs/, with the module here whose `page` makes it."""
