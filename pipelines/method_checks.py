"""Checks that a method has the members of its Protocol (rollmill.roles.protocols), for every role.

For the loader of recipes, for verifiers that are built of other verifiers, and for the validation of templates. A user's
class needs no base class, so a missing part is reported in one line when it is built, instead of a traceback on first use.
Nothing else reads attributes of a user's object by name: optional parts are Protocols, checked by `isinstance`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.roles.engine_roles import ConcurrentGenerator, FindsFiles
from rollmill.roles.protocols import (
    NEEDS,
    ExplainsRules,
    GroupScorer,
    MeasuringBudget,
    RankedPolicy,
    RuledVerifier,
    ScoreSelector,
    SuitedVerifier,
)

ESTIMATORS = ("prefix", "path_counting", "none")
TEXTS: Mapping[str, Sequence[str]] = {
    "engine": ("engine", "model", "model_digest"),
    "template": ("name", "skill"),
    "export": (),
}
NAMED = ("name", "version")
VALUES: Mapping[str, Sequence[str]] = {
    "engine": ("spooled",),
    "policy": ("lazy", "over"),
    "aggregator": ("needs",),
    "allocator": ("group", "total"),
    "decoder": ("exact", "weighted"),
    "guarantee": ("level", "scored"),
    "learner": ("losses",),
    "loss": ("formats", "column", "grouped", "uses_reference"),
    "round policy": ("needs",),
    "export": ("schema", "left_out"),
}
CALLS: Mapping[str, Sequence[str]] = {
    "synthesizer": ("synthesize",),
    "template": ("sample", "render", "solve"),
    "engine": ("fingerprint", "render", "generate", "close"),
    "warp": ("weights",),
    "decoder": ("check", "decode"),
    "verifier": ("verify", "verify_many", "close"),
    "policy": ("decide",),
    "scorer": ("score",),
    "group scorer": ("score_groups",),
    "aggregator": ("elect",),
    "allocator": ("next", "answer"),
    "budget": ("plan",),
    "search policy": ("grow", "votes"),
    "process": ("scores",),
    "selector": ("select",),
    "guarantee": ("certify",),
    "set method": ("choose",),
    "learner": ("train",),
    "loss": ("__call__",),
    "order": ("arrange",),
    "round policy": ("keys", "weigh", "figures"),
    "measure": ("measure",),
    "export": ("rows",),
}
PAGES: Mapping[str, str] = {
    "policy": "docs/how-to/policies.md",
    "aggregator": "rollmill/roles/blind_pool.py",
    "allocator": "pipelines/allocate/arms.py",
    "search policy": "pipelines/search/tree.py",
    "process": "pipelines/search/partial.py",
    "template": "pipelines/synthesize/template.py",
    "engine": "rollmill/roles/engine_roles.py",
    "warp": "pipelines/generate/warps/warp.py",
    "decoder": "pipelines/generate/decoders/decoder.py",
    "guarantee": "pipelines/guarantees/judged_sample.py",
    "set method": "pipelines/mix/table.py",
    "learner": "pipelines/train/roles.py",
    "loss": "pipelines/train/roles.py",
    "order": "pipelines/train/roles.py",
    "round policy": "pipelines/train/between/roles.py",
    "measure": "pipelines/train/measures/bench.py",
    "export": "storage/exports/write.py",
}
"""Modules of the roles that are not in rollmill/roles/protocols.py."""


def check_method(role: str, name: str, built: Any) -> None:
    """SetupError if an instance lacks what its role needs, or states it in another form."""
    for needed in missing_members("group scorer" if isinstance(built, GroupScorer) else role, built):
        if needed in TEXTS.get(role, NAMED):
            raise SetupError(f"{role} {name!r} has no {needed!r}; give the class a {needed} string.")
        form = (
            f"{role} {name!r}: {needed!r} is not a method."
            if hasattr(built, needed)
            else f"{role} {name!r} has no {needed!r}."
        )
        raise SetupError(form, next_command=f"{PAGES.get(role, 'rollmill/roles/protocols.py')} lists its members")
    if role == "budget":
        _check_budget(name, built)
    elif isinstance(built, GroupScorer):
        _check_needs(name, built.needs)
    elif role == "policy":
        _check_policy(name, built)
    elif role == "verifier":
        _check_verifier(name, built)
    elif role == "engine":
        _check_engine(name, built)
    elif role == "selector":
        _check_selector(name, built)


def missing_members(role: str, built: Any) -> list[str]:
    """Missing members of an instance, or of a class that states them for its instances: texts, then values, then calls."""
    texts = [name for name in TEXTS.get(role, NAMED) if not isinstance(getattr(built, name, None), str)]
    values = [name for name in VALUES.get(role, ()) if not hasattr(built, name)]
    calls = [name for name in CALLS[role] if not _has_call(built, name)]
    if role == "template" and not _is_count(getattr(built, "phrasings", None), least=1):
        values.append("phrasings")
    return [*texts, *values, *calls]


def has_role_call(role: str, cls: type) -> bool:
    """True if a class of a user's file has the call that makes it one of this role, even if other members are wrong."""
    return CALLS[role][-1] not in missing_members(role, cls)


def _has_call(built: Any, name: str) -> bool:
    """True if an instance, or a class for its instances, has a method. Every class has its metaclass's own `__call__`."""
    if isinstance(built, type):
        return any(callable(vars(base).get(name)) for base in built.__mro__[:-1])
    return callable(getattr(built, name, None))


def _check_budget(name: str, built: Any) -> None:
    prefix, estimator = getattr(built, "prefix", None), getattr(built, "estimator", None)
    if not _is_count(prefix, least=0):
        raise SetupError(
            f"budget {name!r} has no 'prefix': the completions that round 0 draws of every problem, whatever the "
            "verdicts; rates use only these.",
            choices=("prefix = 4, say", "prefix = 0 where it draws no such completions"),
        )
    if estimator not in ESTIMATORS or (estimator != "none" and not prefix):
        raise SetupError(
            f"budget {name!r} has estimator {estimator!r} and prefix {prefix}: say which estimate of pass rates its "
            "draws allow; without a prefix, none.",
            choices=ESTIMATORS,
        )
    for needed in ("rule", "cap") if estimator == "path_counting" else ():
        if not hasattr(built, needed):
            raise SetupError(f"budget {name!r} has no {needed!r}, which path counting needs.", choices=ESTIMATORS)
    if isinstance(built, MeasuringBudget) and not isinstance(built.measure, str | None):
        raise SetupError(f"budget {name!r}: 'measure' is {built.measure!r}, and must name a key of the problems' meta.")


def _check_engine(name: str, built: Any) -> None:
    if isinstance(built, ConcurrentGenerator) and not _is_count(built.calls, least=1):
        raise SetupError(f"engine {name!r}: 'calls' is {built.calls!r}, and must be a number of calls, at least 1.")
    if isinstance(built, FindsFiles) and not _are_texts(built.places):
        raise SetupError(f"engine {name!r}: 'places' is {built.places!r}, and must list names of its options.")


def _check_selector(name: str, built: Any) -> None:
    stated = [member for member in ("counts_copies", "kept_of") if hasattr(built, member)]
    if len(stated) == 1 or (stated and not isinstance(built.counts_copies, bool)):
        raise SetupError(
            f"selector {name!r}: kept rows are forecast by 'kept_of' and 'counts_copies' (True or False) together.",
            next_command="CountingSelector in rollmill/roles/protocols.py describes them",
        )
    if isinstance(built, ScoreSelector) and not _are_texts(built.scores):
        raise SetupError(f"selector {name!r}: 'scores' is {built.scores!r}, and must list names of scores.")


def _check_needs(name: str, needs: Any) -> None:
    unknown = [need for need in needs if need not in NEEDS] if isinstance(needs, (tuple, list)) else [needs]
    if unknown:
        raise SetupError(f"scorer {name!r} needs {unknown[0]!r}, which no scorer is given.", choices=NEEDS)


def _check_policy(name: str, built: Any) -> None:
    listed = {"over": built.over, **({"order": built.order} if isinstance(built, RankedPolicy) else {})}
    for member, names in listed.items():
        if not _are_texts(names):
            raise SetupError(f"policy {name!r}: {member!r} is {names!r}, and must list names of verifiers.")


def _check_verifier(name: str, built: Any) -> None:
    if isinstance(built, RuledVerifier) and not _are_rules(built.rules):
        raise SetupError(f"verifier {name!r}: 'rules' must be pairs of texts, (rule, version), in the order it tries them.")
    if isinstance(built, ExplainsRules) and not _are_words(built.words):
        raise SetupError(f"verifier {name!r}: 'words' is {built.words!r:.100}, and must map names of rules to texts.")
    if isinstance(built, SuitedVerifier) and not isinstance(built.suite, str | None):
        raise SetupError(f"verifier {name!r}: 'suite' is {built.suite!r}, and must be the name of a suite of certify.")


def _is_count(value: Any, *, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_texts(names: Any) -> bool:
    return isinstance(names, Sequence) and not isinstance(names, str) and all(isinstance(item, str) for item in names)


def _are_words(words: Any) -> bool:
    return isinstance(words, Mapping) and _are_texts([*words.keys(), *words.values()])


def _are_rules(rules: Any) -> bool:
    pairs = list(rules or ())
    return all(
        isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in pairs
    )
