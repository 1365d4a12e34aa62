"""Faults of replies: what a server or its settings did to a text, counted beside every rate with the key to change.

A new fault is one row of `FAULTS`. Counts are made in one pass over the columns of completions, wherever they lie.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollmill.ground.records import Completion
from rollmill.ground.replies.special_tokens import PATTERN, STRAY

if TYPE_CHECKING:
    import duckdb

TOO_LONG, REFUSED = "too_long", "refused"
FILTERED = ("content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content", "sensitive")
"""What servers name as the reason of an end, in small letters, where a filter cut or refused the answer."""

_WHY = "lower(coalesce(json_extract_string(meta, '$.finish_reason'), ''))"
_REFUSALS = f"""({", ".join(f"'{name}'" for name in (TOO_LONG, REFUSED, *FILTERED))})"""
_BLANK = r"NOT regexp_matches(coalesce(text, ''), '\S') AND messages IS NULL"
_THOUGHT = "coalesce(reasoning, '') <> ''"
SEVERAL, DRAWS, TEXTS, ONE_TEXT = "several", "draws", "texts", "one_text"


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """A fault: the SQL condition on a completion, the words after `3 of 8 replies`, and the keys that may mend it."""

    where: str
    words: str
    mend: str


FAULTS: Mapping[str, ReplyFault] = {
    "too_long": ReplyFault(
        f"{_WHY} = '{TOO_LONG}'",
        "were refused as too long for the model's context",
        "lower max_tokens, shorten the prompt, or serve the model with a longer context",
    ),
    "filtered": ReplyFault(
        f"""{_WHY} IN ({", ".join(f"'{name}'" for name in FILTERED)})""",
        "were refused or cut by the provider's filter",
        "reword prompt_template, or leave the problems out",
    ),
    "refused": ReplyFault(
        f"{_WHY} = '{REFUSED}'", "were refused by the server", "look at the cause in meta, and correct generate"
    ),
    "reasoning_only": ReplyFault(
        f"{_BLANK} AND {_THOUGHT} AND {_WHY} NOT IN {_REFUSALS}",
        "have reasoning and no answer behind it",
        "raise max_tokens, or set options.reasoning (false or low), or start the server without its reasoning parser",
    ),
    "empty": ReplyFault(
        f"{_BLANK} AND NOT ({_THOUGHT}) AND {_WHY} NOT IN {_REFUSALS}",
        "are empty",
        "look at stop, prompt_template and options.api: the server may apply another chat template",
    ),
    "truncated": ReplyFault(
        f"finish_reason = 'length' AND {_WHY} NOT IN {_REFUSALS}",
        "were truncated at their length limit",
        "raise max_tokens",
    ),
    "special_tokens": ReplyFault(
        f"regexp_matches(coalesce(text, ''), '{PATTERN}')",
        "hold special tokens of a chat format",
        "give stop, or let the server skip special tokens; training exports leave them out",
    ),
    "stray_thought": ReplyFault(
        STRAY.replace("text", "coalesce(text, '')"),
        "hold one mark of a thought without the other",
        "raise max_tokens, or start the server with its reasoning parser; training exports leave the mark out",
    ),
}
REFUSALS = ("too_long", "filtered", "refused")  # the faults in which a prompt has no answer
_PLACED = f"""
SELECT count(*) AS replies, {", ".join(f"count(*) FILTER ({fault.where}) AS {name}" for name, fault in FAULTS.items())},
       count(*) FILTER (NOT ({_BLANK})) AS drawn, count(DISTINCT hash(text)) FILTER (NOT ({_BLANK})) AS different,
       min(json_extract_string(meta, '$.cause')) FILTER ({_WHY} IN {_REFUSALS}) AS said
FROM rows GROUP BY prompt_id, model_digest, model
"""  # noqa: S608 - of our own names


def is_empty(completion: Completion) -> bool:
    """True for a reply without any text or call to judge, as `reasoning_only` and `empty` count them."""
    return completion.messages is None and not completion.text.strip()


def reply_counts(connection: "duckdb.DuckDBPyConnection", rows: str) -> dict[str, Any]:
    """Replies, those with each fault, and the texts of prompts drawn several times; `rows`: SQL of completions.

    Faults that no reply has are left out. `several`: prompts with several texts, `draws` of them all, of which `texts`
    are different; `one_text`: such prompts whose draws are one text. `said`: what a server said of a refused prompt.
    """
    query = f"""
    WITH rows AS ({rows}), placed AS ({_PLACED})
    SELECT sum(replies), {", ".join(f"sum({name})" for name in FAULTS)}, count(*) FILTER (drawn > 1),
           sum(drawn) FILTER (drawn > 1), sum(different) FILTER (drawn > 1), count(*) FILTER (drawn > 1 AND different = 1),
           min(said)
    FROM placed
    """  # noqa: S608 - of our own names
    *values, refusal = connection.execute(query).fetchall()[0]
    names = ("replies", *FAULTS, SEVERAL, DRAWS, TEXTS, ONE_TEXT)
    counts: dict[str, Any] = {name: int(value or 0) for name, value in zip(names, values, strict=True)}
    counts = {name: count for name, count in counts.items() if count or name not in FAULTS}
    return counts if refusal is None else {**counts, "said": refusal}


def refused_replies(counts: Mapping[str, Any]) -> int:
    """The replies that are refusals of their prompts, whose share says nothing about the model."""
    return sum(counts.get(name, 0) for name in REFUSALS)


def lines_of_run(summary: Mapping[str, Any]) -> list[str]:
    """The sentences on the replies of a run by its summary in the ledger, those of an evaluation's cell included."""
    return reply_lines(summary.get("replies") or summary.get("funnel", {}).get("replies", {}))


def reply_lines(counts: Mapping[str, Any]) -> list[str]:
    """A sentence on each fault, the refusals first, with the keys to change; none for replies without one."""
    whole = counts.get("replies", 0)
    lines = [
        f"{counts[name]:,} of {whole:,} replies {fault.words}: {fault.mend}"
        for name, fault in FAULTS.items()
        if counts.get(name)
    ]
    if counts.get("said"):  # a server's words, which are shown in terminals and pages
        refusal = "".join(letter for letter in " ".join(str(counts["said"]).split()) if letter.isprintable())
        lines.append(f"the server said of a refused prompt: {refusal.rstrip('. ')}")
    several, alike = counts.get(SEVERAL, 0), counts.get(ONE_TEXT, 0)
    if alike * 2 > several:
        lines.append(
            f"of {alike:,} of {several:,} prompts drawn several times all draws are one text ({counts[DRAWS]:,} draws, "
            f"{counts[TEXTS]:,} different): raise temperature, or look whether the server uses the seed"
        )
    return lines
