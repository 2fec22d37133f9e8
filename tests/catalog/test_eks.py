import datetime as dt
import re
from itertools import pairwise

import pytest

from llminfra.catalog import eks, instances
from llminfra.catalog.instances import InstanceType


def known(name: str) -> InstanceType:
    found = instances.get(name)
    assert found is not None
    return found


def test_new_clusters_start_at_1_34():
    assert eks.versions() == ("1.34", "1.35", "1.36")
    assert eks.default_version() in eks.versions()


def test_support_dates():
    found = eks.version("1.34")
    assert found is not None
    assert found.end_of_standard_support == dt.date(2026, 12, 2)
    assert found.in_standard_support(dt.date(2026, 12, 2))
    assert not found.in_standard_support(dt.date(2026, 12, 3))
    old = eks.version("1.32")
    assert old is not None
    assert not old.creatable
    assert eks.version("1.20") is None


def test_what_is_known_and_not_created_says_why():
    found = [release for name in ("1.32", "1.33", "1.37") if (release := eks.version(name))]
    assert [release.creatable for release in found] == [False] * 3
    assert all(release.held_back for release in found)
    created = [release for name in eks.versions() if (release := eks.version(name))]
    assert not any(release.held_back for release in created)


def test_every_creatable_version_pins_every_add_on_and_says_where_from():
    names = {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "aws-ebs-csi-driver"}
    for name in eks.versions():
        found = eks.version(name)
        assert found is not None
        assert names | {"eks-node-monitoring-agent", "metrics-server"} == set(found.addons)
        assert all("eksbuild" in version for version in found.addons.values())
        assert found.addons_source
        assert found.ami_release is not None
        assert found.ami_release.startswith(name + ".")
        assert found.addons["kube-proxy"].startswith(f"v{name}.")


def test_an_upgrade_takes_no_add_on_back():
    """A vpc-cni that is older than that of the Kubernetes version before would be a downgrade on the way up."""

    def ordered(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"[0-9]+", version))

    for name, following in pairwise(eks.versions()):
        before, after = eks.version(name), eks.version(following)
        assert before is not None
        assert after is not None
        assert not {
            addon: (version, after.addons[addon])
            for addon, version in before.addons.items()
            if ordered(after.addons[addon]) < ordered(version)
        }


def test_add_on_look_up():
    assert eks.addon_version("kube-proxy", "1.35") == "v1.35.3-eksbuild.18"
    assert eks.addon_version("kube-proxy", "1.20") is None


@pytest.mark.parametrize(
    ("instance", "ami"),
    [
        ("p5.48xlarge", "AL2023_x86_64_NVIDIA"),
        ("g6.xlarge", "AL2023_x86_64_NVIDIA"),
        ("m7i.large", "AL2023_x86_64_STANDARD"),
        ("m7g.large", "AL2023_ARM_64_STANDARD"),
    ],
)
def test_image_by_instance(instance: str, ami: str):
    assert eks.ami_for(known(instance)).ami_type == ami


def test_every_version_is_pinned_to_images_of_one_day():
    found = [version for name in eks.versions() if (version := eks.version(name))]
    assert found
    assert len({str(version.ami_release).rpartition("-")[2] for version in found}) == 1


def test_driver_runs_cuda_13():
    assert eks.nvidia_driver().cuda_major == 13


@pytest.mark.parametrize(
    ("instance", "prefix_delegation", "efa", "pods"),
    [
        ("m7i.large", False, False, 29),
        ("m7i.large", True, False, 110),
        ("p5.48xlarge", False, False, 100),
        ("p5.48xlarge", False, True, 51),
        ("p5.48xlarge", True, True, 250),
        ("p6-b300.48xlarge", False, True, 198),
    ],
)
def test_max_pods(instance: str, prefix_delegation: bool, efa: bool, pods: int):
    assert eks.max_pods(known(instance), prefix_delegation=prefix_delegation, efa=efa) == pods
