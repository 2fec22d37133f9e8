"""By what ``llminfra fit`` chooses among instance types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from llminfra.planning.performance import Load


class Wish(Struct, frozen=True, kw_only=True):
    """What one replica must hold, how it is asked, and how instances are bought and put in order.

    Attributes:
        concurrency: Requests of full length that one replica must hold.
        region: AWS region of the prices.
        prompt_tokens: Tokens of a typical prompt.
        output_tokens: Tokens of a typical answer.
        sort_by: What is best: the price of an ``instance``, of a ``replica`` or of ``tokens``.
        purchase: How instances are bought.
    """

    concurrency: int = 1
    region: str = "us-east-1"
    prompt_tokens: int = 1024
    output_tokens: int = 256
    sort_by: str = "replica"
    purchase: str = "on-demand"

    @property
    def load(self) -> Load:
        """The callers."""
        from llminfra.planning.performance import Load  # when it runs

        return Load(prompt_tokens=self.prompt_tokens, output_tokens=self.output_tokens, concurrency=self.concurrency)
