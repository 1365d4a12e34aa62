"""Refusals of prompts: which failures are about one prompt, and when they are a fault of the settings instead.

Where the first prompts of a recipe are all refused, its settings are wrong and a rate of 0 would be a lie: those refusals
are held back, and the calls end with the server's own words. Once a prompt was answered, a refusal is about its prompt and
is stored with the provider's words, as many of them as the profile's `max_failed` allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion
from rollmill.ground.replies.faults import FILTERED, REFUSED, TOO_LONG
from rollmill.pipelines.generate.calls import CallJob, EngineCall
from rollmill.pipelines.generate.http.failures import Failure, named

FIRST = 8  # prompts that are refused before any is answered: no accident
# What servers say of a prompt that no other try would help, by the kind of refusal; in small letters.
WORDS: Mapping[str, tuple[str, ...]] = {
    TOO_LONG: (
        "context length",
        "context_length",
        "maximum context",
        "context window",
        "context size",
        "context limit",
        "too many tokens",
        "prompt is too long",
        "input is too long",
        "input token count",
        "input length",
        "max_model_len",
        "string_above_max_length",
        "request entity too large",
    ),
    FILTERED[0]: (
        "content_filter",
        "content management policy",
        "content_policy",
        "content policy",
        "content exists risk",
        "data_inspection_failed",
        "datainspectionfailed",
        "inappropriate content",
        "usage policies",
        "safety system",
        "requires moderation",
        "sensitive_words",
        "contentfilter",
    ),
}
_RAISE = "correct the recipe or the server, or raise http.max_failed in the profile"
STATUSES = (400, 413, 422, 451)
Reply = tuple[CallJob, Completion]


def kind_of(failure: Failure, *, lenient: bool) -> str | None:
    """The kind of a refusal of one prompt, `too_long`, `content_filter` or `refused`; None for any other failure.

    `lenient`: every refusal with a status of `STATUSES` is about its prompt, whatever its words.
    """
    in_reply = failure.kind == "error_in_reply"
    answer = f"{failure.detail} {failure.code}".lower()
    kinds = [kind for kind, words in WORDS.items() if any(word in answer for word in words)]
    if failure.status in STATUSES or in_reply:
        return kinds[0] if kinds else REFUSED if lenient and not in_reply else None
    return FILTERED[0] if failure.status == 403 and FILTERED[0] in kinds else None


class SharedRefusal(SetupError):  # noqa: N818 - of servers, as they call it
    """The first prompts share a refusal, of which none is stored. `prompts`: how many they are; `refusals`: who counts."""

    def __init__(self, refusals: "RefusedPrompts", prompts: int, last: Reply) -> None:
        self.refusals, self.prompts = refusals, prompts
        super().__init__(
            f"the first {prompts} prompts are all refused, and none was answered. The server says of the last, "
            f"{_said(last)}. None of these replies is kept.",
            next_command="correct generate (max_tokens, prompt_template, model) or the server, then the same command "
            "again; where the prompts themselves are at fault, set `http: {max_failed: COUNT}` in the profile",
        )


class RefusedPrompts:
    """The refusals of one engine. `most`: its largest share (below 1) or count of refused replies; None: any.

    `accepted`: True once refusals are about their prompts: one was answered, or `most` bounds them. `few`: True while two
    refused prompts suffice for an error where the calls wait for nothing else; else only `FIRST` do.
    """

    def __init__(self, most: float | None) -> None:
        self._most, self.accepted, self.few = most, most is not None, True
        self._held: list[Reply] = []
        self._prompts: set[str] = set()
        self._refused = self._asked = 0

    def go_on(self, refused: int, stored: int) -> None:
        """Count from the stored replies of a run on; SetupError where more are refused than a count allows."""
        self._refused, self._asked = refused, stored
        if self._most is not None and self._most >= 1 and refused > self._most:
            raise SetupError(
                f"{refused:,} of {stored:,} stored replies of this run are refusals, and {self._most:g} is allowed "
                "(http.max_failed).",
                next_command=_RAISE,
            )

    def begin(self, call: EngineCall) -> None:
        """Count the requests of a call."""
        self._asked += call.left

    def take(self, reply: Reply, calls: Sequence[EngineCall]) -> tuple[list[Reply], SetupError | None]:
        """The replies to hand on now that this one has arrived, and why no more is to be asked, if so."""
        refused = is_refused(reply[1])
        self._refused += refused
        self._held.append(reply)
        if not self.accepted:
            self._prompts.add(reply[0].request.prompt_id)
        self.accepted = self.accepted or not refused
        if refused and self._most is not None and self._refused > self._most * (1 if self._most >= 1 else self._asked):
            limit = f"{self._most:g} is allowed (http.max_failed)"
            error = SetupError(
                f"{self._refused:,} of {self._asked:,} requests were refused, and {limit}; the last, {_said(reply)}.",
                next_command=_RAISE,
            )
            return self._release(), error
        return self.settled(calls)

    def settled(self, calls: Sequence[EngineCall]) -> tuple[list[Reply], SetupError | None]:
        """Replies that can be handed on while these calls are open, and the error if the first prompts are all refused."""
        waiting = any(call.left > sum(job.call is call for job, _ in self._held) for call in calls)
        prompts = len(self._prompts)
        if self.accepted or not self._held or (not waiting and prompts < (2 if self.few else FIRST)):
            return self._release(), None
        shared = prompts >= FIRST or not waiting
        return [], SharedRefusal(self, prompts, self._held[-1]) if shared else None

    def forget(self, call: EngineCall) -> None:
        """Drop what is held of a call that ended."""
        self._held = [reply for reply in self._held if reply[0].call is not call]

    def _release(self) -> list[Reply]:
        released, self._held = self._held, []
        return released


def may_be_refused(meta: Mapping[str, Any]) -> bool:
    """True for the metadata of a reply that is a refusal if it has no text."""
    return str(meta.get("finish_reason") or "").lower() in (TOO_LONG, REFUSED, *FILTERED)


def is_refused(completion: Completion) -> bool:
    """True for a reply that is a refusal of its prompt, without any text."""
    return may_be_refused(completion.meta) and len(completion.text) == completion.meta.get("prefix", 0)


def _said(reply: Reply) -> str:
    """The prompt of a refusal and the server's words about it."""
    cause = str(reply[1].meta.get("cause") or "an empty reply, ended by its filter").rstrip(". ")
    return f"{named(reply[0].request.prompt)}: {cause}"
