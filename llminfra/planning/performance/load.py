"""What callers of a replica do."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Load(Struct, frozen=True, kw_only=True):
    """Callers of one replica, each of whom sends the next request when the last is answered.

    Attributes:
        prompt_tokens: Prompt length.
        output_tokens: Answer length; 0 where an answer is no text.
        concurrency: Callers at once.
        in_step: Whether answers have one length and were begun together, so that callers come back together, as in most
            benchmarks; else they come independently of each other.
    """

    prompt_tokens: int = 1024
    output_tokens: int = 256
    concurrency: int = 1
    in_step: bool = False

    @property
    def mean_context(self) -> float:
        """Tokens that a running request holds on average: the prompt and half of the answer."""
        return self.prompt_tokens + self.output_tokens / 2

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
        if not self.output_tokens:
            return f"{callers}, inputs of {self.prompt_tokens:,} tokens"
        return f"{callers}, {self.prompt_tokens:,} tokens in, {self.output_tokens:,} out"
