"""What callers of a replica do."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.models import ModelFacts
from llminfra.catalog.models.families.whisper import WINDOW_S

HEARD_PROMPT = 4
"""Tokens that tell Whisper its language and task (multilingual prompts of openai/whisper: start, language, task,
timestamps)."""
HEARD_TOKENS = 100
"""Tokens of thirty seconds of speech: 150 words a minute, four tokens to three words."""


class Load(Struct, frozen=True, kw_only=True):
    """Callers of one replica, each of whom sends the next request when the last is answered.

    Attributes:
        prompt_tokens: Prompt length.
        output_tokens: Answer length; 0 where an answer is no text.
        concurrency: Callers at once.
        heard_s: Seconds of sound that a request brings, 0 for none.
        in_step: Whether answers have one length and were begun together, so that callers come back together, as in most
            benchmarks; else they come independently of each other.
    """

    prompt_tokens: int = 1024
    output_tokens: int = 256
    concurrency: int = 1
    heard_s: float = 0.0
    in_step: bool = False

    @property
    def mean_context(self) -> float:
        """Tokens that a running request holds on average: the prompt and half of the answer."""
        return self.prompt_tokens + self.output_tokens / 2

    def of(self, facts: ModelFacts) -> Load:
        """The same callers of a model that writes no text, or that hears sound."""
        if facts.hears:
            return replace(self, prompt_tokens=HEARD_PROMPT, output_tokens=HEARD_TOKENS, heard_s=WINDOW_S)
        return self if facts.generative else replace(self, output_tokens=0)

    def within(self, longest: int | None) -> Load:
        """The same callers with requests cut to a context of ``longest`` tokens, half of it at most for the answer."""
        if not longest:
            return self
        if not self.output_tokens:
            return replace(self, prompt_tokens=max(1, min(self.prompt_tokens, longest)))
        output = max(1, min(self.output_tokens, longest // 2))
        return replace(self, output_tokens=output, prompt_tokens=max(1, min(self.prompt_tokens, longest - output)))

    @property
    def words(self) -> str:
        """``1 caller, 1,024 tokens in, 256 out``."""
        callers = f"{self.concurrency:,} caller{'' if self.concurrency == 1 else 's'}"
        if self.heard_s:
            return f"{callers}, {self.heard_s:g} s of sound each, {self.output_tokens:,} tokens out"
        if not self.output_tokens:
            return f"{callers}, inputs of {self.prompt_tokens:,} tokens"
        return f"{callers}, {self.prompt_tokens:,} tokens in, {self.output_tokens:,} out"
