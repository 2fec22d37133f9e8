"""An engine with a model's weights and cache, as a device is asked whether it can run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from llminfra.catalog.engines import inner_release

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.catalog.models import QuantFacts


class EngineRun(Struct, frozen=True, kw_only=True):
    """What of an engine's settings decides which kernels it needs.

    Attributes:
        engine: Engine name of the catalog.
        release: Its release, where the catalog has it.
        quant: How the checkpoint is quantized; ``None`` for plain weights.
        requested: Quantization that is named, which plain weights get while they are loaded.
        dtype: Declared dtype; ``None`` follows the checkpoint.
        kv_cache_dtype: Declared type of the cache; ``None`` follows the model.
        text_only: The model's encoders are left out.
        named: Numbers of the release as it was named, where the catalog may lack it.
        longest: Tokens of the longest request.
    """

    engine: str
    release: EngineRelease | None = None
    quant: QuantFacts | None = None
    requested: str | None = None
    dtype: str | None = None
    kv_cache_dtype: str | None = None
    text_only: bool = False
    named: tuple[int, ...] = ()
    longest: int | None = None

    @property
    def inside(self) -> EngineRun:
        """The same with the engine inside a container's release, whose kernels they are."""
        if self.release is None or (inner := inner_release(self.release)) is self.release:
            return self
        return replace(self, engine=inner.engine, release=inner)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the release, as named or as the catalog has them; none where neither is known."""
        return self.named or (self.release.numbers if self.release is not None else ())
