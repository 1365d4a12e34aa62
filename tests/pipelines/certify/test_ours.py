"""Our own verifiers on their suites: nothing runs, dies or hangs, nothing wrong is accepted, nothing right refused."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from rollmill.pipelines.certify.certificate import Certificate
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suite_rows import SECTIONS, Section
from rollmill.pipelines.certify.suites import MEASURING, SUITES, options_of, select_suite
from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest
from rollmill.pipelines.verify import VERIFIERS


def certified(name: str, *sections: Section, **options: object) -> Certificate:
    suite = select_suite(name, None, None, frozenset(sections))
    return certify(
        VerifierUnderTest(name, options_of(name, options)), lambda _: suite, limits=ProcessLimits(late_seconds=1.5)
    )


def wrong(found: Certificate) -> list[tuple[str, str, str]]:
    return [(result.row.name, result.row.shown(), result.line()) for result in found.failing()]


def test_every_suite_belongs_to_a_verifier_of_ours() -> None:
    assert set(SUITES) - set(MEASURING) <= set(VERIFIERS)


NAMES = sorted(set(SUITES) - {"code", *MEASURING})


@pytest.fixture(scope="module")
def certificates() -> Iterator[dict[str, Future[Certificate]]]:
    """Some at a time: each waits at its end for what a payload may do a second later."""
    sections: list[Section] = [section for section in SECTIONS if section not in ("denial_of_service", "policy")]
    with ThreadPoolExecutor(4) as pool:
        yield {name: pool.submit(certified, name, *sections) for name in NAMES}


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_no_attack_and_no_lie_gets_through(certificates: dict[str, Future[Certificate]], name: str) -> None:
    assert wrong(certificates[name].result()) == []


@pytest.mark.integration
def test_number_survives_denial_of_service() -> None:
    found = certified("number", "denial_of_service")
    assert wrong(found) == []
    assert len(found.results) > 200


@pytest.mark.sandbox
def test_code_is_clean_on_the_whole_suite() -> None:
    found = certified("code", cpu_seconds=1)
    assert wrong(found) == []
    assert {row["section"] for row in found.sections()} == set(SECTIONS)
