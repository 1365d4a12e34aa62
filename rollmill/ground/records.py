"""The records that everything passes: problem, completion, verdict, score, decision, plan row.

Frozen values with content-derived ids. Probabilities are natural logarithms, times seconds, costs in a profile's currency.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.ids import Digests, digest128, seed_of

Outcome = Literal["correct", "incorrect", "unparsed", "undecided"]
JUDGED: tuple[Outcome, ...] = ("correct", "incorrect", "unparsed")
OUTCOMES: tuple[Outcome, ...] = (*JUDGED, "undecided")
PENDING = "pending"  # no outcome yet

Stream = str  # one of STREAMS, or one of them with the number of a redraw: "curate-2"
STREAMS: tuple[Stream, ...] = ("pilot", "curate", "evaluate", "judge", "score", "write")

MADE = "made"  # key in a problem's meta for its origin: the method, the source problems, and the origin of the reference
CARRIED, COMPUTED, MAJORITY, ROUND_TRIP = REFERENCE_ORIGINS = ("carried", "computed", "majority", "round_trip")
"""Origins of the reference of a made problem: taken over from its source, computed by a program, elected by most
completions of a model, or stated by the writer and found again by a model that did not see it."""

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a UTF-16 pair: no file can hold it."""

FinishReason = Literal["stop", "length", "error", "imported"]


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a conversation; `kind` is text, code, its execution, a tool call or a tool's result.

    A last turn of kind `prefix` is the beginning of the answer, which the model continues. A turn of kind `option` gives
    the name and value of an option to an engine that is not a model. `call_id` is that of a tool call, and of its result.
    """

    role: str
    content: str
    kind: Literal["text", "code", "execution", "tool_call", "tool_result", "prefix", "option"] = "text"
    name: str | None = None
    call_id: str | None = field(default=None, repr=False)  # texts of prompts are made from what is shown


Prompt = str | tuple[Message, ...]


def prompt_json(prompt: Prompt) -> Any:
    """The JSON form of a prompt: the text itself, or a list of message objects."""
    return prompt if isinstance(prompt, str) else [message_json(message) for message in prompt]


def message_json(message: Message) -> dict[str, Any]:
    """The JSON form of a message, which ids and digests of older versions rest on: `call_id` stands there if given."""
    row = asdict(message)
    if row["call_id"] is None:
        del row["call_id"]
    return row


@dataclass(frozen=True, slots=True)
class Problem:
    """A prompt with a reference answer or tests.

    `prompt_id` hashes the prompt that the model sees and seeds the sampling; `id` also covers kind, reference and tests, so
    a repaired reference is judged again and never redrawn.
    """

    prompt: Prompt
    reference: str
    kind: str = "math"
    tests: tuple[str, ...] = ()
    source: str = ""
    licence: str | None = None
    split: str = "train"
    level: int | None = None
    skill: str | None = None
    template: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    external_id: str | None = None
    prompt_id: str = field(init=False, default="")
    id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        prompt = prompt_json(self.prompt)
        object.__setattr__(self, "prompt_id", digest128(["prompt", prompt]))
        object.__setattr__(self, "id", digest128(["problem", self.kind, prompt, self.reference, list(self.tests)]))


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling parameters; top_k 0 and top_p 1.0 mean no cut. `warp`: changes of tokens' distributions, before the cuts.
    `decode`: maker of a text. `unsent`: parameters left to the server, part of no id. Stop strings are not in the text."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    stop: tuple[str, ...] = ()
    warp: tuple[RecordedMethod, ...] = ()
    decode: RecordedMethod | None = None
    unsent: tuple[str, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Part of a completion's id. Without a warp or a decoder it has no such key, so that older ids stay."""
        methods: dict[str, Any] = dict.fromkeys(("unsent", *self.unsent)) | {"warp": [w.identity() for w in self.warp]}
        methods["decode"] = self.decode and self.decode.identity()
        return {key: value for key, value in {**asdict(self), **methods}.items() if key not in methods or value}


@dataclass(frozen=True, slots=True)
class Request:
    """Request for one completion. `completion_id` is fixed before the draw, so a resumed run recognises stored completions.

    `given`: a text to score by log-probability instead; nothing is drawn then.
    """

    completion_id: str
    prompt_id: str
    prompt: Prompt
    rendered: str
    sampling: Sampling
    seed: int
    stream: Stream
    sample_index: int
    given: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer to a prompt, with its sampling record. Fields that an engine cannot give are None."""

    id: str
    prompt_id: str
    engine: str
    model: str
    model_digest: str
    stream: str
    sample_index: int
    seed: int | None
    text: str
    finish_reason: FinishReason
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    logprob_sum: float | None = None
    self_certainty: float | None = None
    seconds: float | None = None
    reasoning: str | None = None
    messages: tuple[Message, ...] | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    top_logprobs: str | None = None
    template_digest: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Attempts with one result at one replica, summed up: `ok`, or the failure (`http_429`, `timeout`, `cut_off`, ...).

    `replica` is an address without secrets, `seconds` their sum, `completion_id` the last one concerned.
    """

    replica: str
    outcome: str
    count: int
    seconds: float
    completion_id: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion of one verifier on one completion of one problem, with its evidence.

    `rule` names the deciding rule, `cause` the reason for a missing plain yes or no, `value` the share of tests passed, 0
    to 1. `evidence` is canonical JSON of details for a person (results per test, votes), at most 64 KiB.
    """

    completion_id: str
    problem_id: str
    verifier: str
    version: str
    outcome: Outcome
    rule: str
    cause: str | None = None
    value: float | None = None
    extracted: str | None = None
    normal_form: str | None = None
    reference_form: str | None = None
    seconds: float | None = None
    evidence: str | None = None


PLAN = "plan"


def plan_of(version: str) -> str:
    """Digest of the vote plan in a verifier's version; "" for a verifier that waits for no votes."""
    return next((part.partition("=")[2] for part in version.split("+") if part.startswith(f"{PLAN}=")), "")


@dataclass(frozen=True, slots=True)
class Score:
    """A number that one scorer gave a completion.

    `steps`: where the scorer judges a solution line by line, a number for each line that is not blank, in order. `seconds`
    and `cost` of making it, as far as known.
    """

    completion_id: str
    problem_id: str
    scorer: str
    version: str
    value: float
    steps: tuple[float, ...] | None = None
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class AcceptedOutcome:
    """Outcome of one rollout under the acceptance policy of a run, with the verifier or policy that decided it."""

    completion_id: str
    problem_id: str
    outcome: Outcome
    verifier: str
    verifier_version: str


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A reward that a training got for one completion. `label`: the trainer's label of the rollout, `training_step` its
    step; `reward` None for none, `judged_at` seconds since 1970.
    """

    label: str
    training_step: int | None
    problem_id: str
    completion_id: str
    prompt: Prompt
    reference: str
    kind: str
    text: str
    reward: float | None
    outcome: Outcome
    rule: str
    cause: str
    verifier: str
    version: str
    judged_at: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A selector's choice to keep a rollout or not, with a reason, the outcome it was based on and the rollout's step."""

    run: str
    problem_id: str
    completion_id: str
    selector: str
    version: str
    kept: bool
    reason: str
    outcome: Outcome
    verifier: str
    verifier_version: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """Planned completion of a run: committed before any draw, read back by a resumed run. `step` draws it, "" in a recipe
    without named steps. `after`: ids of the completions that a follow-up follows, separated by spaces. `sent`: id of its
    prompt (rollmill.storage.segments.schema), "" if no model is asked.
    """

    run: str
    round: int
    batch: int
    ordinal: int
    problem_id: str
    prompt_id: str
    completion_id: str
    sample_index: int
    seed: int
    step: str = ""
    after: str = ""
    sent: str = ""

    @property
    def followed(self) -> tuple[str, ...]:
        """Ids of the followed completions."""
        return tuple(self.after.split())


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """Thread of a completion in a version: its step with its role, and the followed ids, separated by spaces."""

    problem_id: str
    completion_id: str
    step: str
    role: str
    after: str


CONTINUED = "continued"


@dataclass(frozen=True, slots=True)
class StopRow:
    """End of a problem's draws by the run's budget: reason (`target_met`, `trial_cap`, `budget`, ...) and last round.

    Reason CONTINUED ends nothing: draws go on at random. `evidence`: canonical JSON of the reason's numbers, or None.
    """

    run: str
    round: int
    problem_id: str
    reason: str
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A problem, one completion, its deciding verdict and its scores. `step`: the recipe's step that drew it. `place`: its
    number among the completions of that step, 0 for the first.
    """

    problem: Problem
    completion: Completion
    verdict: Verdict
    scores: tuple[Score, ...] = ()
    step: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Source of completions: engine, model, stream, and the recipe's seed for their seeds."""

    engine: str
    model_digest: str
    stream: Stream
    recipe_seed: int = 0


def completion_id(origin: Origin, rendered: str, sampling: Sampling, *, seed: int, sample_index: int) -> str:
    """The id of a completion, known before it is drawn. `rendered` is the prompt as the model sees it."""
    origin_parts = (origin.engine, origin.model_digest)
    return digest128(["completion", *origin_parts, rendered, sampling.identity(), seed, origin.stream, sample_index])


def given_request(origin: Origin, prompt: Prompt, rendered: str, text: str) -> Request:
    """Request for the log-probability of a text after a rendered prompt; the number of bytes bounds its tokens."""
    cid = digest128(["given", origin.engine, origin.model_digest, rendered, text])
    sampling = Sampling(max_tokens=max(1, len(text.encode("utf-8", "replace"))))
    prompt_id = digest128(["prompt", prompt_json(prompt)])
    return Request(cid, prompt_id, prompt, rendered, sampling, 0, origin.stream, 0, text)


def imported_completion_id(problem_id: str, model: str, sample_index: int, text: str, log: str = "") -> str:
    """Id of a completion drawn elsewhere; importing a file twice stores each row once.

    `log`: the digest of the evaluation log that holds it, if any. Equal texts in two evaluations are two draws.
    """
    return digest128(["imported", problem_id, model, sample_index, text, *([log] if log else [])])


def request_for(problem: Problem, rendered: str, sampling: Sampling, origin: Origin, sample_index: int) -> Request:
    """Request for one completion, with a seed derived from (recipe seed, stream, prompt, index)."""
    return next(requests_for(problem, rendered, sampling, origin, [sample_index]))


def requests_for(
    problem: Problem,
    rendered: str,
    sampling: Sampling,
    origin: Origin,
    indices: Iterable[int],
    after: Sequence[str] = (),
) -> Iterator[Request]:
    """Requests for several completions of one problem: ids as by `completion_id`, seeds derived from (recipe seed, stream,
    prompt, followed completions, index).
    """
    # The step is not part of the seed: recipes with equal draws share their rows, and none is drawn twice.
    seeds = Digests("seed", origin.recipe_seed, origin.stream, problem.prompt_id, *after)
    ids = Digests("completion", origin.engine, origin.model_digest, rendered, sampling.identity())
    for index in indices:
        seed = seed_of(seeds.of(index))
        cid = ids.of(seed, origin.stream, index)
        yield Request(cid, problem.prompt_id, problem.prompt, rendered, sampling, seed, origin.stream, index)
