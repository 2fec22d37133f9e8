"""What a release of Text Generation Inference does about memory: ``data/tgi_memory.json``, where each was read."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from msgspec import Struct

from llminfra.catalog.datafile import read_json
from llminfra.catalog.gpus import Gpu
from llminfra.catalog.models.facts import ModelFacts
from llminfra.catalog.models.mixers import Attention
from llminfra.planning.memory.inputs.case import FitCase
from llminfra.planning.memory.releases.engine_profile import parse_version

Release = tuple[int, ...]
_MONTH = re.compile(r"\s*(20\d\d-\d\d)")
AMPERE = 80


class TgiProfile(Struct, frozen=True, kw_only=True):
    """Memory rules of one release.

    Attributes:
        version: The release.
        share: Of what the warm-up leaves, or of the device, that may be used.
        of_device: ``share`` is of the device: the rest of it stays free, whatever the warm-up took.
        prompt_logits: The warm-up makes logits of every token of its prompts, and their log probabilities.
        whole_matrix: Types of models whose prompts with images attend by whole matrices of scores.
        masked: Types of models that make masks of such prompts.
        captures_graphs: Graphs are captured unless told otherwise.
        workspace_gib: What FlashInfer keeps.
        awq_split_k: Parts in which products of AWQ are summed, 0 with kernels that need none.
    """

    version: Release
    share: float
    of_device: bool = False
    prompt_logits: bool = False
    whole_matrix: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    captures_graphs: bool = False
    workspace_gib: float = 0.0
    awq_split_k: int = 0


class Step(Struct, frozen=True, kw_only=True):
    """What the warm-up runs.

    Attributes:
        tokens: Of all prompts at once (``max_batch_prefill_tokens``).
        length: Prompt and answer of one request (``max_total_tokens``); what its prompt needs where the cache decides.
        longest_input: Longest prompt.
        decided_later: The engine takes as many tokens a request as the cache turns out to hold.
    """

    tokens: int
    length: int
    longest_input: int
    decided_later: bool = False

    @property
    def requests(self) -> int:
        """Requests of the warm-up, each with room for its longest answer (``warmup`` of router/client/src)."""
        return -(-self.tokens // max(1, self.longest_input))


@cache
def tgi_data() -> dict[str, Any]:
    """``data/tgi_memory.json``."""
    found: dict[str, Any] = read_json("llminfra.planning.memory", "tgi_memory.json")
    return found


def tgi_release(text: str | None) -> Release | None:
    """Numbers of a release, of a month the line that was new then; None where neither is named."""
    if month := _MONTH.match(text or ""):
        lines = [line for since, line in tgi_data()["months"].items() if since <= month.group(1)]
        return _version(lines[-1]) if lines else None
    return parse_version(text)


def tgi_profiles(text: str | None, gpu: Gpu | None) -> tuple[TgiProfile, ...]:
    """Rules to try: of the release, or where none is named of those lines that may be meant."""
    named = tgi_release(text)
    releases = (named,) if named else tuple(_version(item) for item in tgi_data()["assumed"])
    return tuple(tgi_profile(item, gpu) for item in releases)


def tgi_profile(version: Release, gpu: Gpu | None) -> TgiProfile:
    """Rules of ``version`` on ``gpu``."""
    data = tgi_data()
    taken = data["cache_share"][0]
    for row in data["cache_share"]:
        taken = row if version >= _version(row["since"]) else taken
    matrix = data["whole_matrix"]
    ampere = gpu is None or gpu.capability >= AMPERE
    return TgiProfile(
        version=version,
        share=taken["share"],
        of_device=bool(taken.get("of_device")),
        prompt_logits=version < _version(data["prompt_logits_until"]),
        whole_matrix=tuple(matrix["types"]) if _version(matrix["since"]) <= version < _version(matrix["until"]) else (),
        masked=tuple(matrix["types"]) if version >= _version(matrix["since"]) else (),
        captures_graphs=version >= _version(data["graphs_since"]),
        workspace_gib=data["flashinfer"]["gib"] if version >= _version(data["flashinfer"]["since"]) and ampere else 0.0,
        awq_split_k=0 if ampere and version >= _version(data["awq_split_k_until"]) else 8,
    )


def tgi_step(facts: ModelFacts, case: FitCase, rules: TgiProfile, gpu: Gpu | None, tp: int, total_gib: float) -> Step:
    """What the release's warm-up runs where the case leaves it open; input is all but one token of the length."""
    table = tgi_data()["defaults"]
    longest = facts.max_position_embeddings or table["capped_length"]
    asked, step = case.max_model_len, case.max_num_batched_tokens
    if rules.version >= _version(table["later_since"]):
        if step is None and rules.version >= _version(table["chosen_since"]):
            step = _chosen_step(facts, case, rules, gpu, tp, total_gib)
        step = step or min(int(table["fixed_step"]), longest)
        if asked is None:
            # Prompts have one token of answer then.
            prompt = min(step, case.max_input_tokens or step)
            return Step(tokens=step, length=prompt, longest_input=prompt, decided_later=True)
        return Step(tokens=step, length=asked, longest_input=case.max_input_tokens or asked - 1)
    if rules.version >= _version(table["capped_since"]):
        length = asked or min(longest, table["capped_length"])
        prompt = case.max_input_tokens or length - 1
        return Step(tokens=step or prompt + table["step_beyond_input"], length=length, longest_input=prompt)
    length = asked or table["fixed_length"]
    longest_input = case.max_input_tokens or (length - 1 if asked else table["fixed_input"])
    return Step(tokens=step or table["fixed_step"], length=length, longest_input=longest_input)


def _chosen_step(
    facts: ModelFacts, case: FitCase, rules: TgiProfile, gpu: Gpu | None, tp: int, total_gib: float
) -> int:
    """Tokens that keep the device busy, no more than the model's length and what its memory may hold."""
    table, vision = tgi_data()["defaults"], tgi_data()["vision_steps"]
    usual = int(table["fixed_step"])
    if facts.encoders:
        steps = vision["steps"] if rules.version >= _version(vision["since"]) else {}
        return min(int(steps.get(config_type(facts), usual)), facts.max_position_embeddings or usual)
    heads = next((layer.mixer for layer in facts.layers if isinstance(layer.mixer, Attention)), None)
    teraflops = tgi_data()["teraflops"].get(gpu.name) if gpu is not None else None
    step = usual
    if heads is not None and teraflops is not None:
        optimal = int(teraflops * 1e12 * tp / _flop_of_a_token(facts, heads))
        step = optimal if optimal > table["least_step"] else usual
    step = min(step, facts.max_position_embeddings or step)
    if heads is None or teraflops is None or facts.quantization is not None:
        return step
    experts = max((layer.moe.experts for layer in facts.layers if layer.moe is not None), default=1)
    width = _intermediate(facts)
    layer = 3 * width * experts * facts.hidden_size + heads.heads * heads.head_dim * facts.hidden_size
    held = 2 * (layer * facts.num_layers + 2 * facts.hidden_size * facts.vocab_size)
    token = heads.kv_heads * 2 * heads.head_dim * 2 * facts.num_layers + (width + width // 2) * experts * 2 * 3
    share = (case.gpu_memory_utilization or 1.0) * table["vram_share"]
    left = int(total_gib * 2**30 * tp * share) - held
    return min(step, left // token) if left > 0 else step


def config_type(facts: ModelFacts) -> str:
    """``model_type`` of the whole config, by which the launcher knows a model."""
    return facts.config_type or facts.model_type.removesuffix("_text")


def _flop_of_a_token(facts: ModelFacts, heads: Attention) -> int:
    """``flop`` of launcher/src/main.rs."""
    query, key = heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim
    used = max((layer.moe.top_k for layer in facts.layers if layer.moe is not None), default=1)
    layer = 2 * facts.hidden_size * (3 * query + 2 * key) + 6 * facts.hidden_size * _intermediate(facts) * used
    return layer * facts.num_layers


def _intermediate(facts: ModelFacts) -> int:
    """Width of the feed-forward blocks, of one expert where there are experts."""
    layer = facts.layers[-1]
    if layer.moe is not None:
        return layer.moe.intermediate
    return layer.mlp.intermediate if layer.mlp is not None else facts.hidden_size


def _version(text: str) -> Release:
    return tuple(int(part) for part in text.split("."))
