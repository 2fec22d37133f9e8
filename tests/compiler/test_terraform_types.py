"""The Terraform type that is read off a class's module is the one that the class itself states."""

from llminfra.bindings import aws, helm
from llminfra.constructs.basis.scope import _terraform_type

PROVIDERS = {"AwsProvider", "HelmProvider"}


def generated():
    for module in (aws, helm):
        for name in dir(module):
            kind = getattr(module, name)
            if hasattr(kind, "is_construct") and name not in PROVIDERS:
                yield kind


def test_every_class_of_the_tables_is_of_the_type_that_its_module_names():
    wrong = {}
    seen = 0
    for kind in generated():
        mode, terraform_type = _terraform_type(kind)
        seen += 1
        if terraform_type != kind.TF_RESOURCE_TYPE or (mode == "data") != kind.__name__.startswith("Data"):
            wrong[kind.__name__] = (mode, terraform_type, kind.TF_RESOURCE_TYPE)
    assert wrong == {}
    assert seen > 100
