"""Outcomes that the plan of a published version used, if the version itself counts others.

A template that names an outcome (`{solve.outcome}`) was filled with that of the plan: under `accept.planned_under`, and
before any vote was counted. Exports that show prompts fill them with the same outcomes.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from rollmill.flows.recipe.user_files import StoredMethods, stored_methods
from rollmill.ground.records import Verdict, plan_of
from rollmill.pipelines.verify.acceptance import Policy, planned_verdict, policy_part
from rollmill.storage.segments.schema import CHUNK, from_table

if TYPE_CHECKING:
    from rollmill.storage.versions.resolve import VersionInfo

_BY_PAIR = "SELECT * FROM verdicts ORDER BY completion_id, problem_id"
_COLUMNS = pa.schema([(name, pa.string()) for name in ("completion_id", "problem_id", "outcome")])


def planned_outcomes(info: "VersionInfo", *, base: Path) -> pa.Table | None:
    """completion_id, problem_id and outcome of each rollout; None if the version's own outcomes are those of the plan.

    `base`: the folder that the recipe's own files are relative to, for a policy whose file the version does not keep.
    SetupError if that file is gone.
    """
    from rollmill.storage.versions.read import load_manifest

    manifest = load_manifest(info)
    chain = [(part["name"], part["version"]) for part in manifest.get("verifiers", [])]
    if not policy_part(manifest["recipe"]).get("planned_under") and not any(plan_of(version) for _, version in chain):
        return None
    with stored_methods(info.ref, manifest["recipe"], manifest.get("user_files"), base=base) as methods:
        policy = _planning(methods)
        planned = [
            dict(zip(_COLUMNS.names, (*pair, verdict.outcome), strict=True))
            for pair, given in _by_rollout(info)
            if (verdict := planned_verdict(policy, chain, given)) is not None
        ]
    return pa.Table.from_pylist(planned, schema=_COLUMNS)


def _planning(methods: StoredMethods) -> Policy:
    """The policy of the plan, from the file that the version keeps of it where it is a user's own."""
    accept = policy_part(methods.recipe)
    policy: Policy = methods.resolve("policy", accept.get("planned_under") or accept).build()
    return policy


def _by_rollout(info: "VersionInfo") -> Iterator[tuple[tuple[str, str], dict[tuple[str, str], Verdict]]]:
    """The verdicts of the version, rollout by rollout."""
    from rollmill.storage.versions.read import open_version, reading

    with reading(info), open_version(info) as connection:
        batches = connection.sql(_BY_PAIR).to_arrow_reader(CHUNK)
        verdicts = (row for batch in batches for row in from_table("verdicts", pa.Table.from_batches([batch])))
        for pair, members in groupby(verdicts, key=lambda verdict: (verdict.completion_id, verdict.problem_id)):
            yield pair, {(verdict.verifier, verdict.version): verdict for verdict in members}
