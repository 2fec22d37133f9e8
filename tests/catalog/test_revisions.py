"""The commits that models are pinned to: whole, of known models, from a named source, and many enough to be of use."""

import re
from collections import defaultdict
from datetime import date

import pytest
from pydantic import ValidationError

from llminfra.catalog.datafile import read_data
from llminfra.catalog.models import known_models, load_model
from llminfra.catalog.models.revisions import ModelRevision, model_revision

PINNED = tuple(read_data("models/revisions.json")["revisions"])
COMMIT = "b968826d9c46dd6066d109eabc6255188de91218"


def pinned(model_id: str) -> ModelRevision:
    found = model_revision(model_id)
    assert found is not None, model_id
    return found


def test_every_revision_is_a_whole_commit_of_a_known_model_with_a_source():
    looked_up = date(2026, 11, 29)
    for model_id in PINNED:
        found = pinned(model_id)
        assert re.fullmatch(r"[0-9a-f]{40}", found.commit), model_id
        assert model_id in known_models(), model_id
        assert re.match(r"github-text:\d+|[\w.-]+/[\w.-]+@[0-9a-f]{8,40}:\S+", found.source), model_id
        assert found.date is None or found.date <= looked_up, model_id


def test_a_commit_belongs_to_one_model():
    models = defaultdict(set)
    for model_id in PINNED:
        # Meta dropped this prefix from the names of 3.1: both names are one repository.
        models[pinned(model_id).commit].add(model_id.replace("/Meta-Llama-3.1-", "/Llama-3.1-"))
    assert {commit: names for commit, names in models.items() if len(names) > 1} == {}


def test_what_is_known_of_a_model_carries_its_commit():
    for model_id in PINNED:
        facts = load_model(model_id)
        assert facts is not None
        assert facts.revision == pinned(model_id).commit


def test_popular_models_have_a_commit_and_a_source():
    known = [facts for name in known_models() if (facts := load_model(name)) and facts.revision and facts.source]
    assert len(known) >= 80
    for name in (
        "Qwen/Qwen3-32B", "Qwen/Qwen3-Coder-30B-A3B-Instruct", "Qwen/Qwen2.5-72B-Instruct-AWQ", "Qwen/QwQ-32B",
        "deepseek-ai/DeepSeek-V3.2", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "google/gemma-3-27b-it",
        "meta-llama/Llama-3.1-70B-Instruct", "meta-llama/Llama-4-Scout-17B-16E-Instruct", "microsoft/phi-4",
        "mistralai/Mixtral-8x7B-Instruct-v0.1", "moonshotai/Kimi-K2-Thinking", "openai/gpt-oss-20b", "zai-org/GLM-5.2",
    ):  # fmt: skip
        assert name in {facts.model_id for facts in known}, name


def test_the_file_says_how_to_read_it():
    source = read_data("models/revisions.json")["_source"]
    assert {"what", "how", *ModelRevision.model_fields} - set(source) == {"commit"}
    assert all(len(text) > 15 for text in source.values())


def test_a_model_without_a_commit_has_none():
    assert model_revision("nobody/nothing") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "main"},
        {"commit": COMMIT[:7]},
        {"commit": COMMIT.upper()},
        {"commit": f"{COMMIT}\n"},
        {"source": ""},
        {"date": "yesterday"},
        {"branch": "main"},
    ],
)
def test_what_is_no_pin_is_refused(changes: dict[str, str]):
    row = {"commit": COMMIT, "source": "acme/models@0123456789ab:lock.tsv"}
    assert ModelRevision.model_validate(row).commit == COMMIT
    with pytest.raises(ValidationError):
        ModelRevision.model_validate(row | changes)
