"""Columns of the pages on large runs that are multiplied: ten million and a billion times the measured one."""

import re
from pathlib import Path

import pytest

HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to"
UNITS = {"bytes": 1, "KB": 1e3, "GB": 1e9, "TB": 1e12, "rows": 1, "million rows": 1e6}
HOURS = {"ms of a core": 1e-3 / 3600, "core hours": 1, "server seconds": 1 / 3600, "server hours": 1}


def rows(page: str, columns: int) -> dict[str, list[str]]:
    """Rows of the tables with so many columns, by their first cell."""
    found = [line.strip("| ").split(" | ") for line in (HOW_TO / page).read_text().splitlines() if line.startswith("| ")]
    return {cells[0]: cells[1:] for cells in found if len(cells) == columns}


def amount(cell: str) -> float:
    """Largest number of a cell, in bytes, rows or hours."""
    [(number, unit)] = re.findall(r"([\d.,]+) (bytes|KB|GB|TB|million rows|rows|ms of a core|core hours|server \w+)", cell)
    return float(number.replace(",", "")) * {**UNITS, **HOURS}[unit]


def test_what_large_runs_cost_is_multiplied_from_one_rollout() -> None:
    table = rows("plan-a-large-run.md", 4)
    drawing = "drawing 500 tokens, at 20,000 tokens/s of a server"
    moved = "moved between [two hosts](run-on-several-hosts.md#what-was-tested) and their servers"
    assert {"segments", "one version", drawing, moved, "memory of a run"} <= table.keys()
    for one, ten_million, billion in table.values():
        assert amount(ten_million) == pytest.approx(1e7 * amount(one), rel=0.03)
        if re.search(r"\d", billion):
            assert amount(billion) == pytest.approx(1e9 * amount(one), rel=0.03)


def test_what_two_hosts_move_is_multiplied_from_one_rollout() -> None:
    table = rows("run-on-several-hosts.md", 4)
    sums = {name: sum(int(cell.replace(",", "")) for cell in cells[:2]) for name, cells in table.items() if name != "with"}
    assert sums == {"PostgreSQL": 640, "S3, which holds 189": 3117, "model servers": 995}
    for name, bytes_ in sums.items():
        told = sum(float(number) for number in re.findall(r"([\d.]+) GB", table[name][2]))
        assert told == pytest.approx(bytes_ / 100, rel=0.03)


def test_what_fails_between_hosts_and_its_cost_are_told() -> None:
    page = (HOW_TO / "run-on-several-hosts.md").read_text()
    costs = {event: cells[1] for event, cells in rows("run-on-several-hosts.md", 3).items()}
    assert costs["a link is down for less than a minute"] == "at most the requests in flight"
    assert costs["a raylet is killed"] == "at most these parts, judged twice"
    assert "44 of 4,044 rollouts" in page
    assert "976 and 1,024 were drawn, 2,000 paid" in page
