"""Every type that a platform is declared with."""

from __future__ import annotations

from llminfra.loading.yaml.types import item_type, spec_options, value_type
from llminfra.spec.base.spec import Spec
from llminfra.spec.platform import Platform


def _reachable(cls: type[Spec], seen: dict[type[Spec], None]) -> None:
    if cls in seen:
        return
    seen[cls] = None
    for info in cls.model_fields.values():
        inner = [each for each in (item_type(info.annotation), value_type(info.annotation)) if each is not None]
        for annotation in (info.annotation, *inner):
            for each in spec_options(annotation):
                _reachable(each, seen)


_SEEN: dict[type[Spec], None] = {}
_reachable(Platform, _SEEN)
EVERY_TYPE = tuple(_SEEN)
