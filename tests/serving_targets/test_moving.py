"""Moving a model is a change of ``on=``: what the engine is told and what applications read stay the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llminfra import TGI, VLLM, Autoscaling, CapacityBlock, ModelBucket, Platform, SageMaker, Secret, Spot
from llminfra.loading.load import load
from llminfra.planning.endpoints.contract import contract, parameter_name
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.rules import run_plan
from tests.serving_targets.platforms import POOL, TARGETS, ec2, endpoint, findings, plan, platform

# What says where the model lies and who looks after the process differs by target, everything else must not.
_WHERE = ("/weights", "/opt/ml", "s3://", "--load-format", "--model-loader-extra-config")


RAY = {
    "kind": "vllm",
    "max_model_len": 16_384,
    "distributed_executor_backend": "ray",
    "image": {"repository": "acme/vllm", "tag": "1", "efa": True, "ray": True},
}
BLOCK = CapacityBlock(reservation_id="cr-0123456789abcdef0")

ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/acme"


def _spanning(**changes: Any) -> Any:
    fields = {"model": {"id": "deepseek-ai/DeepSeek-R1"}, "parallelism": {"tensor": 8, "pipeline": 2}, **changes}
    return endpoint(fields.pop("on", ec2(instance_type="p5.48xlarge", efa=True)), **fields)


def test_the_planner_spans_instances_where_one_is_too_small() -> None:
    item = plan(_spanning(parallelism=None)).ec2[0]
    assert item.serving.nodes > 1
    assert item.serving.parallelism.gpus == 8 * item.serving.nodes
    assert len(item.nics) == item.instance.efa_interfaces + 1
    found = findings(endpoint(ec2(instance_type="p5.48xlarge"), model={"id": "deepseek-ai/DeepSeek-R1"}))
    assert {each.code for each in found} & {"LLM_FIT_1", "LLM_FIT_9"}


def _only(on: Any, **changes: Any) -> Any:
    planned = plan(endpoint(on, **changes))
    items = [*planned.endpoints, *planned.ec2, *planned.sagemaker]
    assert len(items) == 1
    return planned, items[0]


def _invocation(item: Any) -> Any:
    return item.invocation if isinstance(item, EndpointPlan) else item.serving.invocation


def test_one_model_moves_through_all_targets() -> None:
    args = {}
    contracts = {}
    for name, on in TARGETS.items():
        planned, item = _only(on)
        args[name] = [arg for arg in _invocation(item).args if not arg.startswith(_WHERE)]
        contracts[name] = json.loads(contract(item, planned).as_json())
        assert contracts[name]["target"] == name
    assert len(args["eks"]) > 5
    assert args["ec2"] == args["sagemaker"] == args["sagemaker-async"] == args["eks"]
    assert len({tuple(sorted(each)) for each in contracts.values()}) == 1
    assert {each["model"] for each in contracts.values()} == {"Qwen/Qwen3-8B"}
    assert len({each["address"] for each in contracts.values()}) == len(TARGETS)


def test_fit_and_spread_do_not_depend_on_who_starts_the_machine() -> None:
    found = {name: _only(on)[1] for name, on in TARGETS.items()}
    spreads = {
        item.parallelism if isinstance(item, EndpointPlan) else item.serving.parallelism for item in found.values()
    }
    caches = {
        (item.fit if isinstance(item, EndpointPlan) else item.serving.fit).kv_cache_tokens for item in found.values()
    }
    assert len(spreads) == len(caches) == 1
    assert caches != {None}


@pytest.mark.parametrize(
    ("name", "address", "auth"),
    [
        ("eks", "http://chat.llm-serving.svc.cluster.local:8000/v1", "bearer"),
        ("ec2", "https://chat.llm.example.com/v1", "bearer"),
        ("sagemaker", "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/acme-chat/invocations", "sigv4"),
        (
            "sagemaker-async",
            "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/acme-chat/async-invocations",
            "sigv4",
        ),
    ],
)
def test_contract_names_address_and_proof(name: str, address: str, auth: str) -> None:
    planned, item = _only(TARGETS[name], api_key=Secret(name="acme/key", key="token"))
    found = contract(item, planned)
    assert found.address == address
    assert found.auth.kind == auth
    assert found.auth.secret == ("acme/key" if auth == "bearer" else None)
    assert found.output == ("s3://acme-answers/chat" if name == "sagemaker-async" else None)
    assert parameter_name("acme", "chat") == "/llminfra/acme/endpoints/chat"


def test_a_platform_without_pools_has_no_cluster() -> None:
    planned = plan(endpoint(ec2()))
    assert planned.cluster is None
    assert not any(line.spec_path.startswith("cluster") for line in planned.costs)
    assert not {"eks", "eks-auth"} & set(planned.network.interface_endpoints)
    with pytest.raises(LookupError, match="acme"):
        _ = planned.eks


def test_a_named_cluster_and_an_empty_platform_stay_as_they_were() -> None:
    from llminfra import Cluster

    assert plan(endpoint(ec2()), cluster=Cluster()).cluster is not None
    assert platform().needs_cluster
    assert not platform(cluster=None).needs_cluster
    both = plan(endpoint(POOL), endpoint(ec2(), name="other"))
    assert both.cluster is not None
    assert [item.name for item in both.endpoints] == ["chat"]
    assert [item.name for item in both.ec2] == ["other"]


def test_yaml_names_a_target_by_kind(tmp_path: Any) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(
        "name: acme\nregion: us-east-1\nstorage:\n  acme-weights: {kind: bucket}\n"
        "endpoints:\n  chat:\n    model: {id: Qwen/Qwen3-8B}\n    engine: {kind: vllm, max_model_len: 16384}\n"
        "    on: {kind: sagemaker, instance_type: ml.g6e.2xlarge}\n",
        encoding="utf-8",
    )
    loaded = load(file)
    assert loaded.ok, loaded
    assert loaded.platforms == [platform(endpoint(TARGETS["sagemaker"]))] or loaded.platforms == (
        platform(endpoint(TARGETS["sagemaker"])),
    )


@pytest.mark.parametrize(
    ("code", "spec"),
    [
        ("LLM_CAP_40", lambda: findings(endpoint(ec2(instance_type="g6e.3xlarge")))),
        ("LLM_CAP_40", lambda: findings(endpoint(ec2(instance_type="m7i.xlarge")))),
        ("LLM_CAP_41", lambda: findings(endpoint(ec2(), parallelism={"tensor": 8}))),
        ("LLM_CAP_42", lambda: findings(endpoint(ec2(instance_type="g6e.12xlarge")))),
        ("LLM_SRV_43", lambda: findings(endpoint(ec2(), replicas={"min": 0, "max": 2, "cooldown_s": 60}))),
        ("LLM_SRV_46", lambda: findings(_spanning(replicas={"min": 1, "max": 2}))),
        ("LLM_SRV_48", lambda: findings(_spanning(engine=RAY))),
        ("LLM_CAP_21", lambda: findings(endpoint(ec2(efa=True)))),
        ("LLM_CAP_24", lambda: findings(endpoint(ec2(capacity=BLOCK, zones=["us-east-1a", "us-east-1b"])))),
        ("LLM_CAP_23", lambda: findings(endpoint(ec2(capacity=BLOCK)))),
        (
            "LLM_SRV_47",
            lambda: findings(endpoint(ec2(capacity=BLOCK, zones=["us-east-1a"]), replicas={"min": 0, "max": 1})),
        ),
        ("LLM_SRV_42", lambda: findings(endpoint(TARGETS["sagemaker"], engine=TGI(version="3.3.7")))),
        (
            "LLM_SRV_45",
            lambda: findings(
                endpoint(
                    TARGETS["sagemaker"],
                    engine={"kind": "vllm", "max_model_len": 16_384, "image": {"repository": "acme/vllm", "tag": "1"}},
                )
            ),
        ),
        ("LLM_SRV_49", lambda: findings(endpoint(ec2(), allow_from_namespaces=["web"]))),
        ("LLM_SRV_49", lambda: findings(endpoint(TARGETS["sagemaker-async"], allow_from_namespaces=["web"]))),
        (
            "LLM_SRV_50",
            lambda: findings(
                endpoint(
                    TARGETS["sagemaker"],
                    engine={"kind": "mii", "image": {"repository": ECR, "tag": "1"}, "max_model_len": 16_384},
                )
            ),
        ),
        ("LLM_SEC_41", lambda: findings(endpoint(TARGETS["sagemaker"], api_key=Secret(name="acme/key")))),
        (
            "LLM_SEC_40",
            lambda: findings(
                endpoint(TARGETS["sagemaker"], model={"id": "Qwen/Qwen3-8B", "token": {"name": "acme/hf"}}), storage=[]
            ),
        ),
        ("LLM_NET_20", lambda: findings(endpoint(ec2(zones=["us-east-1z"])))),
        ("LLM_REF_5", lambda: findings(endpoint(ec2()), cluster=None, pools=[POOL])),
    ],
)
def test_what_cannot_work_is_said_before_anything_exists(code: str, spec: Any) -> None:
    found = [item for item in spec() if item.code == code]
    assert len(found) == 1
    assert found[0].fix
    assert found[0].path


def test_an_architecture_without_a_pinned_image_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llminfra.planning.serving_targets.ec2.machine_image", lambda _architecture: None)
    assert [item.code for item in findings(endpoint(ec2()))] == ["LLM_CAP_43"]
    assert findings(endpoint(ec2(ami_id="ami-0123456789abcdef0"))) == []


def test_a_gpu_that_the_pinned_driver_does_not_know_is_refused() -> None:
    volta = {"instance_type": "p3dn.24xlarge"}
    found = [item for item in findings(endpoint(ec2(**volta))) if item.code == "LLM_CAP_43"]
    assert [item.path for item in found] == ["endpoints.chat.on.instance_type"]
    assert "V100" in found[0].found
    own = endpoint(ec2(**volta, ami_id="ami-0123456789abcdef0"))
    assert "LLM_CAP_43" not in [item.code for item in findings(own)]


def test_lustre_is_not_for_machines_without_kubernetes() -> None:
    from llminfra import Lustre

    files = Lustre(name="fast", capacity_gib=1200)
    codes = [item.code for item in findings(endpoint(ec2(), weights=files), storage=[files])]
    assert {"LLM_STO_22", "LLM_REF_6"} <= set(codes)


def test_without_a_bucket_the_engine_asks_the_hub_and_the_container_has_a_network() -> None:
    planned = plan(endpoint(TARGETS["sagemaker"]), storage=[])
    item = planned.sagemaker[0]
    assert not item.network_isolation
    assert item.download_timeout_s is None
    assert item.environment["SM_VLLM_MODEL"] == "Qwen/Qwen3-8B"
    isolated = plan(endpoint(TARGETS["sagemaker"])).sagemaker[0]
    assert isolated.network_isolation
    assert isolated.environment["SM_VLLM_MODEL"] == "/opt/ml/model"


def test_prices_are_of_whole_instances_and_unknown_ones_are_not_guessed() -> None:
    planned = plan(endpoint(ec2(instance_type="g6e.12xlarge")))
    item = planned.ec2[0]
    assert item.usd_per_instance_hour is not None
    assert item.serving.usd_per_replica_hour == item.usd_per_instance_hour
    line = next(each for each in plan(endpoint(TARGETS["sagemaker"])).costs if each.spec_path == "endpoints.chat")
    assert line.usd_per_hour_max is None
    assert "ml." in line.what


def test_equal_declarations_are_equal() -> None:
    assert ec2() == ec2()
    assert ec2() != ec2(zones=["us-east-1a"])
    assert isinstance(platform(endpoint(ec2()), storage=[ModelBucket(name="other-bucket")]), Platform)


@pytest.mark.parametrize(
    ("code", "planned"),
    [
        ("LLM_CAP_3", lambda: plan(_spanning(on=_wide(Spot())))),
        ("LLM_CAP_13", lambda: plan(endpoint(ec2(capacity=Spot(fallback_on_demand=False))))),
        ("LLM_NET_14", lambda: plan(endpoint(ec2(instance_type="g6e.8xlarge", efa=True)))),
    ],
)
def test_rules_for_pools_hold_for_instances_too(code: str, planned: Any) -> None:
    assert [hit.path for hit in run_plan(planned()) if hit.code == code] == [
        f"endpoints.chat.on.{'efa' if code == 'LLM_NET_14' else 'capacity'}"
    ]
    assert not [hit for hit in run_plan(plan(endpoint(ec2()), _spanning(name="wide"))) if hit.code == code]


def _wide(capacity: Any) -> Any:
    return ec2(instance_type="p5.48xlarge", efa=True, capacity=capacity)


@pytest.mark.parametrize(("on", "expected"), [
    (ec2(instance_type="ml.g6e.2xlarge"), "g6e.2xlarge"),
    (SageMaker(instance_type="ml.g99.xlarge"), "ml.g6.xlarge"),
])  # fmt: skip
def test_a_type_is_named_as_its_service_names_it(on: object, expected: str) -> None:
    (found,) = [item for item in findings(endpoint(on)) if item.code == "LLM_CAP_40"]
    assert found.expected.split(", ")[0] == expected


def test_a_model_larger_than_an_instance_is_told_what_ec2_takes() -> None:
    on = ec2(instance_type="p5.48xlarge")
    found = findings(endpoint(on, model={"id": "deepseek-ai/DeepSeek-R1"}, engine=VLLM(max_model_len=4096)))
    (misfit,) = [item for item in found if item.code == "LLM_FIT_1"]
    assert misfit.fix.startswith("set Ec2(efa=True): TP 8 × PP 2 over 2 nodes holds it")
    held = endpoint(
        ec2(instance_type="p5.48xlarge", efa=True, zones=["us-east-1b"]),
        model={"id": "deepseek-ai/DeepSeek-R1"},
        engine=VLLM(max_model_len=4096),
    )
    assert [item.code for item in findings(held) if item.code == "LLM_FIT_1"] == []


def test_settings_reach_images_that_read_variables() -> None:
    engine = {"kind": "vllm", "image": {"repository": ECR, "tag": "1"}, "max_model_len": 16_384}
    found = findings(endpoint(TARGETS["sagemaker"], engine=engine))
    assert "LLM_SRV_50" not in {item.code for item in found}


@pytest.mark.parametrize(
    ("engine", "fix"),
    [
        ({"kind": "vllm"}, "copy the image to ECR in the region, or leave image out"),
        ({"kind": "mii"}, "copy the image to ECR in the region"),
    ],
)
def test_an_image_that_an_engine_needs_is_not_to_be_left_out(engine: dict[str, Any], fix: str) -> None:
    engine = {**engine, "max_model_len": 8192, "image": {"repository": "acme/server", "tag": "1"}}
    (found,) = [item for item in findings(endpoint(TARGETS["sagemaker"], engine=engine)) if item.code == "LLM_SRV_45"]
    assert found.fix == fix


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("cooldown_s", "told"), [(120, ["endpoints.chat.replicas"]), (1800, [])])
def test_no_target_gives_up_what_takes_longer_to_come_back(target: str, cooldown_s: int, told: list[str]) -> None:
    scaled = endpoint(TARGETS[target], replicas=Autoscaling(min=1, max=3, cooldown_s=cooldown_s))
    assert [hit.path for hit in run_plan(plan(scaled)) if hit.code == "LLM_SRV_70"] == told
