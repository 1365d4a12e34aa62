"""The rules of verifier versions, as the ledger remembers them: what each version tried, in which order.

A version's rules are written once, when a run first uses it, and read by `rollmill reverify` after the verifier has
changed. Knows no verifier and judges nothing.
"""

from collections.abc import Mapping, Sequence

from storage.ledger.engine import Ledger
from storage.ledger.models import VerifierRow

Rules = tuple[tuple[str, str], ...]
"""(rule, its version) in the order in which they are tried."""


class Verifiers:
    """The verifier versions that this workspace has used."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(self, used: Mapping[tuple[str, str], Sequence[tuple[str, str]]]) -> None:
        """Remember the rules of every (verifier, version) that is new here; what is known already stays."""
        with self._ledger.read() as session:
            new = {key: rules for key, rules in used.items() if session.get(VerifierRow, key) is None}
        if not new:
            return
        with self._ledger.write() as session:
            now = self._ledger.now(session)
            for (name, version), rules in new.items():
                if session.get(VerifierRow, (name, version)) is None:
                    listed = [[rule, of] for rule, of in rules]
                    session.add(VerifierRow(name=name, version=version, rules=listed, seen_at=now))

    def rules(self, name: str, version: str) -> Rules:
        """The rules of a version; empty where it has none, or was never seen here."""
        with self._ledger.read() as session:
            row = session.get(VerifierRow, (name, version))
            return () if row is None else tuple((rule, of) for rule, of in row.rules)
