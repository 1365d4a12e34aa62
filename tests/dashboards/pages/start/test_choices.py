"""What a mixture takes, beside its form: the counts of each source, and its dropped rows by reason."""

from streamlit.testing.v1 import AppTest

SOURCE = {"source": "easy", "ref": "arithmetic@v2", "declared": 17, "kept": 16, "rows": 176, "share": 16 / 172}
SCRIPT = """
from rollmill.dashboards.pages.start.choices import show_mixture
from rollmill.dashboards.session.asked import CommandResult
show_mixture(CommandResult(0, {row!r}, ""))
"""


def test_a_mixture_says_shares_what_is_dropped_and_what_is_short() -> None:
    row = {"kept": 172, "sources": [{**SOURCE, "dropped": {"repeated": 1156, "not_chosen": 4}}]}
    page = AppTest.from_string(SCRIPT.format(row=row)).run()
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table.columns) == ["source", "declared", "kept", "of rows", "share"]
    assert list(table.iloc[0]) == ["easy", 17, 16, 176, 16 / 172]
    dropped, short = (block.value for block in page.caption)
    assert dropped == "easy is arithmetic@v2; dropped: 1,156 repeated, 4 not\\_chosen."
    assert short == "easy has 16 of the 17 rows that it declares."
