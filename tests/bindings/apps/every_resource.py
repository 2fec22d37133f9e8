"""Builds every resource and data source in the table with every argument filled in; argument: the output folder.

Not a test: tests run it in processes of their own, once on the fast path and once with plain imports.
"""

import importlib
import inspect
import sys
import types
import typing
from pathlib import Path

from llminfra.bindings import aws, core, helm
from llminfra.bindings.synth import open_app
from llminfra.bindings.table import submodules_of

META_ARGUMENTS = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
MAX_DEPTH = 9


def value_of(hint: typing.Any, depth: int) -> typing.Any:
    """A value of the annotated type; structs of ours rather than the dict that each may also be."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return value_of(best_of(arguments), depth)
    if inspect.isclass(origin) and issubclass(origin, typing.Mapping):
        return {"a_Key-1": value_of(arguments[1], depth)}
    if inspect.isclass(origin) and issubclass(origin, typing.Sequence):
        return [value_of(arguments[0], depth)]
    if hint in (int, float):
        return 7
    if hint is bool:
        return True
    if inspect.isclass(hint) and hasattr(hint, "__jsii_name_mapping__"):
        return hint(**arguments_of(hint, depth + 1))
    return "text"


def best_of(arguments: tuple[typing.Any, ...]) -> typing.Any:
    def rank(hint: typing.Any) -> int:
        if hint is type(None) or getattr(hint, "__name__", "") == "IResolvable":
            return 3
        return 2 if typing.get_origin(hint) is dict else 0

    return min(arguments, key=rank)


def arguments_of(class_: type, depth: int) -> dict[str, typing.Any]:
    hints = typing.get_type_hints(class_.__init__)
    parameters = inspect.signature(class_.__init__).parameters.values()
    return {
        parameter.name: value_of(hints[parameter.name], depth)
        for parameter in parameters
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        and (depth > 1 or parameter.name not in META_ARGUMENTS)
        and (depth < MAX_DEPTH or parameter.default is inspect.Parameter.empty)
    }


def resource_classes(package: str, submodules: frozenset[str]) -> typing.Iterator[type]:
    for submodule in sorted(submodules):
        module = importlib.import_module(f"{package}.{submodule}")
        for name in module.__all__:
            class_ = getattr(module, name)
            if inspect.isclass(class_) and issubclass(class_, (core.TerraformResource, core.TerraformDataSource)):
                yield class_


def main(outdir: Path) -> None:
    app = open_app(outdir)
    stack = core.TerraformStack(app, "every")
    core.LocalBackend(stack, path="every.tfstate")
    aws.AwsProvider(stack, "aws", region="eu-west-1")
    helm.HelmProvider(stack, "helm")
    classes = [
        *resource_classes("cdktf_cdktf_provider_aws", submodules_of("aws")),
        *resource_classes("cdktf_cdktf_provider_helm", submodules_of("helm") - {"provider"}),
    ]
    for class_ in classes:
        resource = class_(stack, class_.__name__, **arguments_of(class_, 1))
        for attribute in ("arn", "fqn", "id"):
            if isinstance(text := getattr(resource, attribute, None), str):
                core.TerraformOutput(stack, f"{class_.__name__}-{attribute}", value=text)
    app.synth()
    sys.stdout.write(f"{len(classes)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
