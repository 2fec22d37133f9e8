import pytest

from llminfra.catalog import instances, regions, sagemaker
from llminfra.catalog.engines import engine_release


@pytest.mark.parametrize("name", ["g6e.12xlarge", "g7e.48xlarge", "p5.4xlarge", "p5en.48xlarge", "p6-b300.48xlarge"])
def test_sagemaker_hosts_on_what_its_api_names(name: str):
    assert instances.get(name) is not None
    assert sagemaker.hosts(name)


@pytest.mark.parametrize("name", ["g4dn.metal", "gr6.4xlarge", "p3dn.24xlarge", "m7i.large"])
def test_types_of_ec2_alone(name: str):
    assert not sagemaker.hosts(name)


@pytest.mark.parametrize(("region", "account"), [("ap-east-2", "975050140332"), ("ap-southeast-6", "633930458069")])
def test_young_regions_have_a_registry_of_engines(region: str, account: str):
    release = engine_release("vllm", "0.30.0")
    assert release is not None
    image = sagemaker.image(release)
    found = regions.get(region)
    assert image is not None
    assert found is not None
    assert found.dlc_account == account
    expected = f"{account}.dkr.ecr.{region}.amazonaws.com/vllm:0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker"
    assert image.uri(region) == expected
