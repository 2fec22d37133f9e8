"""What callers of a replica would see: an estimate from peak figures and achieved shares, not a promise."""

from __future__ import annotations

from msgspec import Struct

from llminfra.planning.performance.first_token import FirstToken
from llminfra.planning.performance.load import Load

ASSUMPTIONS = (
    "closed loop: every caller sends the next request when it has its answer, independently of the others",
    "no prefix is shared between prompts, no speculative decoding",
    "experts are drawn evenly; prompts and answers share the steps of a scheduler with a budget of tokens",
    "text only: images and audio cost encoder time on top",
)

WHOLE_ASSUMPTIONS = (
    "closed loop: every caller sends the next input when it has its answer, independently of the others",
    "inputs of one length; no prefix is shared between them",
    "tokenizing and HTTP keep up with the device",
    "the achieved shares are those of decoders that read prompts: they were not compared with embedders",
)


class FullLoad(Struct, frozen=True, kw_only=True):
    """What a replica does with as many callers as it runs at once; what its tokens cost follows from it.

    Attributes:
        load: The callers.
        output_tokens_per_s: Output tokens of all callers together.
        ttft_ms: Mean time to first token.
        tpot_ms: Mean time per output token after the first.
        input_tokens_per_s: Tokens of inputs, where answers come whole.
    """

    load: Load
    output_tokens_per_s: float
    ttft_ms: float
    tpot_ms: float
    input_tokens_per_s: float = 0.0

    @property
    def sound_s_per_s(self) -> float:
        """Seconds of sound that are transcribed in a second; 0 where none is."""
        if not self.load.heard_s:
            return 0.0
        return self.output_tokens_per_s / self.load.output_tokens * self.load.heard_s


class PerformanceEstimate(Struct, frozen=True, kw_only=True):
    """What callers of one replica would see.

    Attributes:
        load: The callers.
        ttft_ms: Mean time to first token, waiting for others included.
        ttft_worst_ms: Time to first token of the last caller when all come at the same moment.
        tpot_ms: Mean time per output token after the first.
        prefill_ms: Prefill of one prompt on an idle replica.
        output_tokens_per_s: Output tokens of all callers together.
        requests_per_s: Finished requests.
        running: Requests that run at once; fewer than the callers when the cache is full.
        queued: Callers that wait for a place.
        bound: What a decode step waits for: ``compute``, ``weights``, ``cache``, ``wires`` or ``overhead``.
        first_token: The time to the first token by part.
        ttft_spread: The true time to first token is expected within this factor of ``ttft_ms``.
        tpot_spread: The same for the time per output token.
        throughput_spread: The same for tokens and requests per second, and for what tokens cost.
        spread: The factor of all kinds of figures together. It says how alike two spreads are, whose errors are alike,
            too; what a figure promises has its own factor above.
        explain: One line per figure: the first token, each further token, then what both rest on.
        full: The same replica with as many callers as it runs at once.
        promised: Most callers who all see the declared latency targets kept; ``None`` where none are declared, or where
            not even one caller does.
        whole: Whether an answer comes whole (an embedding, scores): ``ttft_ms`` is the time to it, there is no time per
            token, and tokens are those of inputs.
        input_tokens_per_s: Tokens of all inputs together, where answers come whole.
        assumptions: What the estimate takes for granted.
    """

    load: Load
    ttft_ms: float
    ttft_worst_ms: float
    tpot_ms: float
    prefill_ms: float
    output_tokens_per_s: float
    requests_per_s: float
    running: float
    queued: float
    bound: str
    first_token: FirstToken
    ttft_spread: float
    tpot_spread: float
    throughput_spread: float
    spread: float
    explain: tuple[str, ...]
    full: FullLoad | None = None
    promised: int | None = None
    whole: bool = False
    input_tokens_per_s: float = 0.0
    assumptions: tuple[str, ...] = ASSUMPTIONS

    @property
    def answer_ms(self) -> float:
        """Mean time to the whole answer."""
        return self.ttft_ms + max(0, self.load.output_tokens - 1) * self.tpot_ms

    def usd_per_million_tokens(self, usd_per_hour: float) -> float | None:
        """Price of a million output tokens, or of inputs where answers come whole, of a full replica at this price."""
        if self.full is None:
            return None
        rate = self.full.input_tokens_per_s if self.whole else self.full.output_tokens_per_s
        return usd_per_hour / 3600 / rate * 1e6

    def usd_per_hour_of_sound(self, usd_per_hour: float) -> float | None:
        """Price of transcribing an hour of sound on a full replica that costs this much."""
        heard = self.full.sound_s_per_s if self.full else 0.0
        return usd_per_hour / heard if heard else None

    def out_of_reach(self, *, ttft_ms: float | None = None, tpot_ms: float | None = None) -> bool:
        """Whether a target is missed by more than the uncertainty of the figure that it is for."""
        return bool(
            (ttft_ms and self.ttft_ms > ttft_ms * self.ttft_spread)
            or (tpot_ms and self.tpot_ms > tpot_ms * self.tpot_spread)
        )

    @property
    def first_token_why(self) -> str:
        """How the time to the first token came about."""
        return self.explain[0]

    @property
    def each_token_why(self) -> str:
        """How the time per output token came about."""
        return self.explain[1]
