import pytest

from llminfra import Secret
from llminfra.spec.errors.shape_errors import looks_like_credential


@pytest.mark.parametrize(
    "name",
    ["acme/disk-encryption-key", "task-runner/token", "team_hf_reader", "mask-values-here", "hooks.slack.com/acme"],
)
def test_names_with_the_beginning_of_a_token_inside_a_word_are_names(name):
    assert not looks_like_credential(name)
    assert Secret(name=name).name == name


@pytest.mark.parametrize(
    "value",
    [
        "hf_abcdefghijk",
        "x=sk-abcdefghijk",
        "AKIAABCDEFGHIJKLMNOP",
        "xoxb-1",
        "/ghp_abcdefgh1",
        "https://hooks.slack.com/services/T0001/B0002/xyz",
        "hooks.slack-gov.com/workflows/T0001",
    ],
)
def test_shapes_of_tokens_are_seen(value):
    assert looks_like_credential(value)
