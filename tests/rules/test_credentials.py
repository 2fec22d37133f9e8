"""Recognizing credentials: every issuer's shape, random strings, and nothing that only looks a little like one."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llminfra.rules.credentials import credential_kind, entropy_bits, is_reference, looks_random, names_a_secret

# Assembled, so that no scanner takes this file for a leak.
SHAPES = {
    "a Hugging Face token": "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm12345678",
    "an AWS access key id": "AKIA" + "IOSFODNN7EXAMPLE",
    "a GitHub token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "an OpenAI or Anthropic style key": "sk-proj-" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4",
    "an NVIDIA NGC key": "nvapi-" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1",
    "a Slack token": "xoxb-" + "123456789012-abcdefABCDEF",
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N",
    "a private key": "-----BEGIN " + "RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", SHAPES)
def test_issuers_shapes_are_known_alone_and_inside_text(kind: str) -> None:
    assert credential_kind(SHAPES[kind]) == kind
    assert credential_kind(f"export TOKEN={SHAPES[kind]} # set") == kind


@pytest.mark.parametrize(
    "text",
    [
        "",
        "disk-encryption-key-for-the-platform",
        "arn:aws:iam::111122223333:role/task-runner-with-a-long-name-1",
        "hf_transfer",
        "${aws_secretsmanager_secret.token.arn}",
        "vllm/vllm-openai@sha256:" + "ab" * 32,
        "s3://acme-weights/models/Qwen/Qwen3-32B/9216db5781bf21249d130ec9da846c4624c16137",
        "AKIAMARU",
        "risk-assessment-2026-of-the-whole-platform",
    ],
)
def test_ordinary_text_is_no_credential(text: str) -> None:
    assert credential_kind(text) is None
    assert not looks_random(text)


@pytest.mark.parametrize(
    "text",
    [
        "node-AmazonEC2ContainerRegistryPullOnlyAndMore123",
        "aws_iam_role_policy_attachment.node-AmazonEKSWorkerNodePolicy",
        "Llama-3.3-70B-Instruct-FP8-Dynamic-w4a16-AWQ-INT4-Q8-GGUF",
        "karpenter-node-AmazonEC2ContainerRegistryPullOnly",
        "0123456789abcdef0123456789abcdef0123456789abcdef",
        "service.beta.kubernetes.io/aws-load-balancer-scheme",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_identifiers_and_digests_are_not_random(text: str) -> None:
    assert not looks_random(text)


@pytest.mark.parametrize(
    "alphabet", [string.ascii_letters + string.digits, string.ascii_letters + string.digits + "-_"]
)
def test_generated_keys_are_random(alphabet: str) -> None:
    generator = random.Random(20261123)
    keys = ["".join(generator.choice(alphabet) for _ in range(64)) for _ in range(400)]
    assert sum(looks_random(f'{{"key": "{key}"}}') for key in keys) / len(keys) >= 0.9


@given(
    st.lists(
        st.sampled_from(["Amazon", "EKS", "cluster", "Policy", "EC2", "v1", "pool", "h100", "us-east-1"]), min_size=1
    )
)
def test_names_made_of_words_are_not_random(words: list[str]) -> None:
    assert not looks_random("-".join(words))
    assert not looks_random("_".join(words))


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "env.HF_TOKEN",
        "OPENAI_API_KEY",
        "password",
        "adminPassword",
        "apiKey",
        "AWS_SECRET_ACCESS_KEY",
        "client_secret",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "secretName",
        "token_arn",
        "secretKeyRef",
        "values.0.routes.0.apiKeySecret",
        "secretKey",
        "passwordFile",
        "http_tokens",
        "max_tokens_per_second",
        "secretStoreRef",
        "tokenizer",
        "token_type",
    ],
)
def test_names_of_references_and_settings(name: str) -> None:
    assert not names_a_secret(name)


@pytest.mark.parametrize("text", ["", "${var.token}", "$(TOKEN)", "arn:aws:secretsmanager:us-east-1:1:secret:x"])
def test_references_are_no_literals(text: str) -> None:
    assert is_reference(text)


def test_entropy_is_that_of_shannon() -> None:
    assert entropy_bits("") == 0
    assert entropy_bits("aaaa") == 0
    assert entropy_bits("abcd") == 2
