"""LoRA adapters: flags by engine, memory, mounts, identity, copies from the Hub, and what is refused."""

import datetime as dt
import io
import json
import re

import pytest
from rich.console import Console

from llminfra import (
    TGI,
    VLLM,
    Endpoint,
    GpuPool,
    Image,
    LoraAdapter,
    Model,
    ModelBucket,
    Network,
    Platform,
    SGLang,
    SpecError,
)
from llminfra.catalog.engines import engine_release
from llminfra.cli.plan_page.view import plan_view
from llminfra.compiler import compile_platforms
from llminfra.compiler.releases.llm_server import llm_server_values
from llminfra.planning import plan_platform
from llminfra.planning.controllers.needs import needs_of
from llminfra.planning.plan import Plan
from llminfra.planning.storage.weights_copies import adapter_copies

DAY = dt.date(2026, 11, 23)
BUCKET = ModelBucket(name="acme-weights")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SQL = LoraAdapter(name="sql", bucket=BUCKET, key="adapters/sql", rank=20)
LEGAL = LoraAdapter(name="legal", bucket=BUCKET, id="acme/legal", revision=COMMIT, rank=8)
POOL = GpuPool(name="l40s", instance_types=["g6e.2xlarge"], nodes=(1, 2))


def plan(*adapters, engine=None, bucket=BUCKET, model="Qwen/Qwen3-8B", on_gpu=None, **changes) -> Plan:
    endpoint = Endpoint(
        name="chat",
        model=Model(id=model),
        engine=engine or VLLM(max_model_len=8192),
        on=POOL,
        adapters=adapters,
        adapters_on_gpu=on_gpu,
    )
    storage = [bucket] if bucket else []
    return plan_platform(
        Platform(name="p", region="us-east-1", pools=[POOL], storage=storage, endpoints=[endpoint], **changes),
        today=DAY,
    )


def codes(*adapters, **changes) -> set[str]:
    with pytest.raises(SpecError) as caught:
        plan(*adapters, **changes)
    return {item.code for item in caught.value.diagnostics if item.severity.value == "error"}


def test_vllm_gets_static_adapters_and_the_next_rank_of_its_list() -> None:
    args = plan(SQL, LEGAL).endpoints[0].invocation.args
    start = args.index("--enable-lora")
    assert args[start : start + 7] == (
        "--enable-lora",
        "--max-loras=2",
        "--max-cpu-loras=2",
        "--max-lora-rank=32",
        "--lora-modules",
        "sql=/mnt/adapters/acme-weights/adapters/sql",
        f"legal=/mnt/adapters/acme-weights/models/acme/legal/{COMMIT}",
    )
    assert args[start + 7].startswith("--"), "another flag ends the list of modules"


def test_sglang_gets_its_own_flags() -> None:
    args = plan(SQL, LEGAL, engine=SGLang(max_model_len=8192)).endpoints[0].invocation.args
    start = args.index("--enable-lora")
    assert args[start + 1 :] == (
        "--max-loras-per-batch=2",
        "--max-lora-rank=20",
        "--lora-paths",
        "sql=/mnt/adapters/acme-weights/adapters/sql",
        f"legal=/mnt/adapters/acme-weights/models/acme/legal/{COMMIT}",
    )


def test_every_adapter_flag_is_known_to_the_release() -> None:

    for engine in (VLLM(max_model_len=8192), SGLang(max_model_len=8192)):
        endpoint = plan(SQL, engine=engine).endpoints[0]
        release = engine_release(endpoint.engine, endpoint.engine_version)
        assert release is not None
        assert all(release.knows_flag(item) for item in endpoint.invocation.args if item.startswith("--"))


MANY = [LoraAdapter(name=f"a{n}", bucket=BUCKET, key=f"adapters/{n}", rank=16) for n in range(60)]


@pytest.mark.parametrize(
    ("engine", "flag"),
    [(VLLM(max_model_len=8192), "--max-loras"), (SGLang(max_model_len=8192), "--max-loras-per-batch")],
)
def test_more_adapters_than_have_a_place_on_the_gpu(engine, flag: str) -> None:
    """Engines have no limit of their own; what is not on the GPU waits in host memory and takes nothing there."""
    (all_of_them,) = plan(*MANY, engine=engine).endpoints
    (some,) = plan(*MANY, engine=engine, on_gpu=8).endpoints
    (eight,) = plan(*MANY[:8], engine=engine).endpoints
    assert f"{flag}=60" in all_of_them.invocation.args
    assert f"{flag}=8" in some.invocation.args
    assert all_of_them.fit.kv_cache_memory_gib < some.fit.kv_cache_memory_gib == eight.fit.kv_cache_memory_gib
    assert [item for item in some.invocation.args if item.startswith("a59=")]
    if engine.kind == "vllm":
        assert "--max-cpu-loras=60" in some.invocation.args


@pytest.mark.parametrize(("adapters", "on_gpu", "told"), [((SQL, LEGAL), 1, 0), ((SQL, LEGAL), 2, 1), ((), 4, 1)])
def test_places_for_adapters_that_are_not_there_are_told(adapters, on_gpu: int, told: int) -> None:
    found = plan(*adapters, on_gpu=on_gpu).diagnostics
    assert [item.path for item in found if item.code == "LLM_SPEC_8"] == ["endpoints.chat.adapters_on_gpu"] * told


@pytest.mark.parametrize(("count", "rank", "told"), [(60, 16, 0), (300, 64, 1)])
def test_adapters_that_do_not_fit_host_memory_are_told(count: int, rank: int, told: int) -> None:
    """They wait there, however few have a place on the GPU."""
    adapters = [LoraAdapter(name=f"a{n}", bucket=BUCKET, key=f"adapters/{n}", rank=rank) for n in range(count)]
    found = [item for item in plan(*adapters, on_gpu=4).diagnostics if item.code == "LLM_FIT_31"]
    assert [item.path for item in found] == ["endpoints.chat.adapters"] * told
    assert all(item.found.startswith(f"{count} adapters") for item in found)
    few = [int(re.findall(r"or (\d+) adapters", item.expected)[0]) for item in found]
    fine = [plan(*adapters[:most], on_gpu=4).diagnostics for most in few]
    assert not [item for one in fine for item in one if item.code == "LLM_FIT_31"], "what is expected is enough"


def test_a_long_list_of_adapters_is_counted() -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    with console.capture() as printed:
        console.print(plan_view(plan(*MANY, on_gpu=8), 100))
    told = printed.get()
    assert "and 52 more adapters" in told
    assert "8 of 60 adapters on the GPU at once" in told


def test_no_adapters_no_flags() -> None:
    assert not any("lora" in item for item in plan().endpoints[0].invocation.args)


def test_adapters_take_memory_from_the_cache() -> None:
    without, one, three = (
        plan(*adapters).endpoints[0].fit.kv_cache_memory_gib
        for adapters in ((), (SQL,), (SQL, LEGAL, LEGAL.model_copy(update={"name": "third"})))
    )
    # Rank 20 takes places of 32. Qwen3-8B: 36 layers, seven matrices with input and output widths of 75,776 together;
    # the embedding, which the compiler copies on a first start, and the logits; 2 bytes each.
    values = 36 * 75_776 + 2 * (151_936 + 4096) + 151_936
    assert without - one == pytest.approx(32 * values * 2 / 2**30, rel=0.01)
    assert without - three == pytest.approx(3 * (without - one), rel=0.05)


def volumes(planned: Plan) -> list[tuple[str, str, str]]:
    """Bucket, prefix and mount path of every volume."""
    found = llm_server_values(planned.endpoints[0], planned, None, None).to_values()["volumes"]
    assert len({item["name"] for item in found}) == len(found)
    return [(item["bucket"], item["prefix"], item["mountPath"]) for item in found]


def lies(name: str, key: str, bucket: ModelBucket = BUCKET) -> LoraAdapter:
    return LoraAdapter(name=name, bucket=bucket, key=key, rank=8)


def test_adapters_that_begin_with_the_same_folder_are_one_volume() -> None:
    planned = plan(SQL, LEGAL, lies("tone", "adapters/tone/v3"))
    assert volumes(planned) == [
        ("acme-weights", "adapters/", "/mnt/adapters/acme-weights/adapters"),
        ("acme-weights", f"models/acme/legal/{COMMIT}/", f"/mnt/adapters/acme-weights/models/acme/legal/{COMMIT}"),
    ]
    assert needs_of(planned).mountpoint_csi
    assert not needs_of(plan()).mountpoint_csi


def test_twenty_adapters_are_one_volume_where_each_is_found() -> None:
    planned = plan(*(lies(f"a{number}", f"adapters/team/a{number}") for number in range(20)))
    ((_, prefix, mount),) = volumes(planned)
    assert prefix == "adapters/team/"
    told = [item for item in planned.endpoints[0].invocation.args if item.startswith("a")]
    assert told == [f"a{number}={mount}/a{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("keys", "prefixes"),
    [
        (["sql"], ["sql/"]),
        (["sql", "legal"], ["sql/", "legal/"]),  # never a whole bucket
        (["sql", "sql/v2"], ["sql/"]),
        (["sql", "sql"], ["sql/"]),
        (["a/sql", "ab/sql"], ["a/sql/", "ab/sql/"]),
        (["a/b/sql", "a/bc/sql"], ["a/"]),
    ],
)
def test_what_is_mounted_is_what_keys_have_in_common(keys, prefixes) -> None:
    planned = plan(*(lies(f"a{number}", key) for number, key in enumerate(keys)))
    assert [prefix for _, prefix, _ in volumes(planned)] == prefixes
    for item, key in zip(planned.endpoints[0].adapters, keys, strict=True):
        assert item.path == f"/mnt/adapters/acme-weights/{key}"


def test_a_volume_has_another_name_when_it_mounts_something_else() -> None:
    def name(*adapters: LoraAdapter) -> str:
        planned = plan(*adapters)
        (volume,) = llm_server_values(planned.endpoints[0], planned, None, None).to_values()["volumes"]
        return volume["name"]

    assert name(SQL) != name(SQL, lies("tone", "adapters/tone"))
    assert name(SQL, lies("tone", "adapters/tone")) == name(SQL, lies("other", "adapters/other"))


def test_only_adapters_of_the_hub_are_copied_and_only_where_it_is_reached() -> None:
    planned = plan(SQL, LEGAL)
    ((copy,),) = adapter_copies(planned).values()
    assert (copy.model_id, copy.revision, copy.bucket) == ("acme/legal", COMMIT, "acme-weights")
    assert adapter_copies(plan(SQL)) == {}
    mirrored = Image(repository="111122223333.dkr.ecr.us-east-1.amazonaws.com/vllm-openai", tag="v0.27.1")
    own = VLLM(max_model_len=8192, image=mirrored)
    assert adapter_copies(plan(LEGAL, engine=own, network=Network(nat="none"))) == {}
    other = ModelBucket(name="acme-weights", existing=True)
    assert adapter_copies(plan(LEGAL.model_copy(update={"bucket": other}), bucket=other)) == {}


def test_the_role_reads_each_adapter_and_the_job_comes_first(tmp_path) -> None:
    compile_platforms([plan(SQL, LEGAL)], tmp_path / "out")
    stack = json.loads((tmp_path / "out/stacks/p-serving/cdk.tf.json").read_text())
    text = json.dumps(stack["data"]["aws_iam_policy_document"])
    assert "/adapters/sql/*" in text
    assert "/adapters/*" not in text
    assert f"/models/acme/legal/{COMMIT}/*" in text
    releases = stack["resource"]["helm_release"]
    jobs = [name for name in releases if name.startswith("copy-adapter-")]
    assert len(jobs) == 1
    assert f"helm_release.{jobs[0]}" in releases["chat"]["depends_on"]


def test_the_role_reads_no_other_adapters_of_the_folder(tmp_path) -> None:
    compile_platforms([plan(SQL, lies("tone", "adapters/team/tone"))], tmp_path / "out")
    stack = json.loads((tmp_path / "out/stacks/p-serving/cdk.tf.json").read_text())
    (document,) = (
        item
        for name, item in stack["data"]["aws_iam_policy_document"].items()
        if any(each.get("sid") == "ReadAdapters" for each in item.get("statement", ()))
    )
    read, listed, *_ = document["statement"]
    keys = [each.partition("}/")[2] for each in read["resources"]]
    assert keys == ["adapters/sql", "adapters/team", "adapters/team/tone", "adapters/sql/*", "adapters/team/tone/*"]
    assert listed["condition"][0]["values"] == ["adapters", "adapters/*"]


def test_a_bucket_with_dots_in_its_name_has_a_policy_of_a_valid_name(tmp_path) -> None:
    dotted = ModelBucket(name="acme.weights")
    compile_platforms([plan(lies("sql", "adapters/sql", dotted), bucket=dotted)], tmp_path / "out")
    stack = json.loads((tmp_path / "out/stacks/p-serving/cdk.tf.json").read_text())
    assert not [name for name in stack["data"]["aws_iam_policy_document"] if "." in name]


@pytest.mark.parametrize(
    ("code", "adapters", "changes"),
    [
        ("LLM_FIT_39", (SQL,), {"engine": TGI(max_model_len=8192)}),
        ("LLM_FIT_40", (SQL, SQL), {}),
        ("LLM_REF_2", (SQL,), {"bucket": None}),
        ("LLM_FIT_1", tuple(SQL.model_copy(update={"name": f"a{n}", "rank": 512}) for n in range(20)), {}),
    ],
)
def test_what_cannot_work_is_refused(code, adapters, changes) -> None:
    assert codes(*adapters, **changes) == {code}


@pytest.mark.parametrize(
    "wrong",
    [{}, {"key": "a", "id": "acme/x", "revision": COMMIT}, {"id": "acme/x"}, {"key": "a/"}, {"key": "a", "rank": 0}],
)
def test_an_adapter_has_one_source(wrong) -> None:
    with pytest.raises(SpecError):
        LoraAdapter(**{"name": "x", "bucket": BUCKET, "rank": 8, **wrong})


def test_a_release_without_adapters_of_the_architecture_is_refused() -> None:
    with pytest.raises(SpecError) as refused:
        plan(SQL, engine=VLLM(max_model_len=8192, version="0.9.2"), model="Qwen/Qwen3-30B-A3B")
    (item,) = [item for item in refused.value.diagnostics if item.code == "LLM_FIT_35"]
    assert item.path == "endpoints.chat.adapters"
    assert item.runtime_message == "ValueError: Qwen3MoeForCausalLM does not support LoRA yet."
