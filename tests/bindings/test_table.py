import ast
import importlib.util
import json
from pathlib import Path

import pytest

import llminfra.bindings
from llminfra.bindings.table import candidates, submodules_of

STUBS = Path(llminfra.bindings.__file__).parent
PACKAGES = {"aws": "cdktf_cdktf_provider_aws", "helm": "cdktf_cdktf_provider_helm"}

RESOLVE_ALL = """
import importlib, json, sys
from llminfra.bindings import aws, helm, prepare
from llminfra.bindings.table import submodules_of
prepare()
wrong, count = [], 0
for module, stub, package in ((aws, "aws", "cdktf_cdktf_provider_aws"), (helm, "helm", "cdktf_cdktf_provider_helm")):
    for submodule in sorted(submodules_of(stub)):
        defined = importlib.import_module(f"{package}.{submodule}")
        for name in defined.__all__:
            count += 1
            if getattr(module, name) is not getattr(defined, name):
                wrong.append(f"{stub}.{name}")
json.dump({"wrong": wrong, "count": count}, sys.stdout)
"""


@pytest.mark.parametrize("stub", ["aws", "helm"])
def test_what_type_checkers_read_is_the_table_of_the_run_time(stub):
    statements = ast.parse((STUBS / f"{stub}.pyi").read_text()).body
    imports = [
        (statement.module, [alias.name for alias in statement.names])
        for statement in statements
        if isinstance(statement, ast.ImportFrom)
    ]
    assert len(imports) == len(statements)
    assert imports == [(f"{PACKAGES[stub]}.{name}", ["*"]) for name in sorted(submodules_of(stub))]


@pytest.mark.parametrize("stub", ["aws", "helm"])
def test_every_submodule_in_the_table_is_installed(stub):
    spec = importlib.util.find_spec(PACKAGES[stub])
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    assert {name for name in submodules_of(stub) if not (folder / name / "__init__.py").is_file()} == set()


def test_every_class_of_every_submodule_resolves_by_its_name(run):
    result = run("-c", RESOLVE_ALL)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["wrong"] == []
    assert found["count"] > 3000


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("S3Bucket", "s3_bucket"),
        ("S3BucketVersioningA", "s3_bucket_versioning"),
        ("LaunchTemplateNetworkInterfaces", "launch_template"),
        ("DataAwsIamPolicyDocumentStatement", "data_aws_iam_policy_document"),
        ("Wafv2WebAclRule", "wafv2_web_acl"),
        ("VpcSecurityGroupIngressRule", "vpc_security_group_ingress_rule"),
        ("AwsProviderDefaultTags", "provider"),
    ],
)
def test_the_longest_submodule_name_is_tried_first(name, first):
    assert candidates(name, submodules_of("aws"))[0] == first


def test_a_name_of_another_provider_has_only_the_provider_as_candidate():
    assert candidates("GoogleStorageBucket", submodules_of("aws")) == ["provider"]
    assert candidates("lower", frozenset({"lower"})) == []
