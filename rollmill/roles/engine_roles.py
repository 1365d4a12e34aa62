"""Protocols of engines, which draw completions, of the samplers that methods use, and of an engine's optional roles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from rollmill.ground.records import Attempt, Completion, Prompt, Request, Sampling

AttemptListener = Callable[[Sequence[Attempt]], None]
MODEL_FREE = frozenset({"edit", "compose", "program", "retrieve", "state_search", "toolbox"})
"""Engines without a model: a recorded recipe says by their names which of its steps asked one."""


class Generator(Protocol):
    """An engine with one model. For `spooled` engines each reply is made durable as it comes.

    Its constructor takes the settings that it needs of the profile: `threads`, `http` (servers), `vllm`. Optional roles:
    FindsFiles, RunsWarps, StatesNextToken, TakesSchema, DrawsSideBySide, ConcurrentGenerator, GroupedGenerator,
    BoundedLoss, BoundsRefusals, CountsPromptTokens, ScoresTexts, Interruptible, WindsDown.
    """

    engine: str
    model: str
    model_digest: str
    spooled: bool

    def fingerprint(self) -> Mapping[str, str]:
        """Facts besides the request that determine the texts: library versions, CPU features, digest."""

    def render(self, prompt: Prompt) -> str:
        """The text the model sees for this prompt."""

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, in any order, as they finish."""

    def close(self) -> None:
        """Release processes, sockets and memory; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Completions by id, and the failure of the engine if some are missing."""

    completions: Mapping[str, Completion]
    failure: str | None = None


class Sampler(Protocol):
    """A model for methods that ask one: judges, scorers. In a run its completions are stored, charged and limited."""

    @property
    def engine(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def model_digest(self) -> str: ...

    def render(self, prompt: Prompt) -> str:
        """The text the model sees for this prompt."""

    @property
    def scores_texts(self) -> bool:
        """True if the model answers requests with a given text."""

    def sample(self, requests: Sequence[Request]) -> Samples:
        """Completions of these requests, including stored ones. Either all requests draw, or all have a given text."""

    def interrupt(self) -> None:
        """Make calls under way raise soon; called from another thread."""


class Samplers(Protocol):
    """Gives the sampler of an engine, by its recipe name, with a model and the engine's options."""

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = "judge") -> Sampler:
        """Sampler of this engine and model. `purpose`: the account that pays, a purpose of rollmill.storage.spending."""


@runtime_checkable
class Interruptible(Protocol):
    """An engine or verifier that can abort calls under way."""

    def interrupt(self) -> None:
        """Make calls under way raise soon; from any thread."""


@runtime_checkable
class DrainableGenerator(Protocol):
    """An engine that can stop sending requests and still deliver the replies under way."""

    def wind_down(self) -> None:
        """Make calls under way raise once their replies have arrived; from any thread."""


@runtime_checkable
class ChecksSampling(Protocol):
    """An engine that knows before a run which sampling parameters it cannot draw with."""

    def check_sampling(self, sampling: Sampling) -> None:
        """SetupError for parameters that it refuses, or that contradict its options."""


@runtime_checkable
class NamesServedModels(Protocol):
    """An engine class whose model is the name by which a server knows it, and no folder."""

    names_served_models: bool


@runtime_checkable
class FindsFiles(Protocol):
    """An engine class with options that may name a file or folder."""

    @property
    def places(self) -> Sequence[str]:
        """Names of these options. A run passes the full path of a file in the workspace or of one shipped with Rollmill."""


@runtime_checkable
class RunsWarps(Protocol):
    """An engine class that runs warps (pipelines/generate/warps)."""

    @property
    def warps(self) -> Sequence[str] | None:
        """Names of the warps that it runs; None: any, users' own too."""


@runtime_checkable
class RunsDecoders(Protocol):
    """An engine class that runs decoders (pipelines/generate/decoders)."""

    @property
    def decoders(self) -> Sequence[str] | None:
        """Names of the decoders that it runs; None: any, users' own too."""


@runtime_checkable
class StatesNextToken(Protocol):
    """An engine that states the distribution of the next token."""

    def next_logprobs(self, rendered: str) -> Sequence[float]:
        """Natural log-probabilities of all tokens behind a rendered prompt, by token id: the model's own, in float64."""


@runtime_checkable
class StatesLaterTokens(StatesNextToken, Protocol):
    """An engine that states the distribution of a token behind others that were drawn."""

    def later_logprobs(self, rendered: str, tokens: Sequence[int]) -> Sequence[float]:
        """The values of `next_logprobs` after a rendered prompt and these token ids."""


@runtime_checkable
class TakesSchema(Protocol):
    """An engine class that can constrain a reply to a JSON schema."""

    @classmethod
    def with_schema(cls, options: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The engine's options with the schema among them; options that already constrain the reply stay unchanged."""


@runtime_checkable
class DrawsSideBySide(Protocol):
    """A spooled engine class that draws several batches of a run in parallel; others draw one."""

    @classmethod
    def capacity(cls, profile: Mapping[str, Any]) -> int:
        """Largest number of requests under way, from the profile's settings `threads`, `workers`, `http`, `vllm`."""


@runtime_checkable
class ConcurrentGenerator(Protocol):
    """An engine in this process that takes several parallel calls of `generate`, to stay busy while one call ends."""

    @property
    def calls(self) -> int:
        """Largest number of parallel calls."""


@runtime_checkable
class GroupedGenerator(Protocol):
    """A spooled engine that gives replies in groups, each of which is made durable in one write."""

    def groups(self, requests: Sequence[Request], on_attempts: AttemptListener) -> Iterator[Sequence[Completion]]:
        """Completions in groups; a request for the next group says that the last one is durable.

        `on_attempts` is called with the attempts.
        """


@runtime_checkable
class BoundedLoss(Protocol):
    """An engine with a known bound on the requests that a kill can lose."""

    @property
    def under_way(self) -> int | None:
        """Largest number of sent requests whose replies are not durable; None: no bound."""


@runtime_checkable
class BoundsRefusals(Protocol):
    """An engine that bounds the refused prompts of a run."""

    def go_on(self, refused: int, stored: int) -> None:
        """Count from these replies of a run on, so many of them refused; SetupError where they are too many."""


@runtime_checkable
class CountsPromptTokens(Protocol):
    """An engine that counts the tokens of a prompt without drawing."""

    def prompt_tokens(self, rendered: str) -> int:
        """The tokens of a rendered prompt."""


@runtime_checkable
class ScoresTexts(Protocol):
    """An engine that computes the log-probability of given texts."""

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request, in any order: the text `given` behind `rendered`, with `logprobs` and
        their sum.

        `logprob_sum` is missing where the context has no room for both.
        """
