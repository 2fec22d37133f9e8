"""Model architectures: the catalog, and the reading of any ``config.json``."""

from llminfra.catalog.models.config_reader import ModelConfigError
from llminfra.catalog.models.facts import DenseMlp, EncoderFacts, Layer, ModelFacts, Moe
from llminfra.catalog.models.lookup import catalog_config, known_models, load_model, suggest
from llminfra.catalog.models.mixers import (
    Attention,
    Compression,
    GatedDeltaNet,
    Indexer,
    KimiDelta,
    LightningAttention,
    Mamba1,
    Mamba2,
    Mla,
    NgramMemory,
    QkNorm,
    ShortConv,
)
from llminfra.catalog.models.quantization import (
    QuantFacts,
    QuantRule,
    WeightFormat,
    WeightScheme,
)
from llminfra.catalog.models.quantization_config import parse_quantization_config
from llminfra.catalog.models.quantization_names import quantization_from_name

__all__ = [
    "Attention",
    "Compression",
    "DenseMlp",
    "EncoderFacts",
    "GatedDeltaNet",
    "Indexer",
    "KimiDelta",
    "Layer",
    "LightningAttention",
    "Mamba1",
    "Mamba2",
    "Mla",
    "ModelConfigError",
    "ModelFacts",
    "Moe",
    "NgramMemory",
    "QkNorm",
    "QuantFacts",
    "QuantRule",
    "ShortConv",
    "WeightFormat",
    "WeightScheme",
    "catalog_config",
    "known_models",
    "load_model",
    "parse_quantization_config",
    "quantization_from_name",
    "suggest",
]
