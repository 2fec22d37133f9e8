"""The only importer of CDKTF and of the provider packages.

`core`, `aws` and `helm` hand out the classes of `cdktf`, of the AWS provider and of the Helm provider. Importing them
starts nothing: the first attribute access calls `prepare`, and only then the jsii runtime starts.
"""

from llminfra.bindings.runtime import Runtime, prepare

__all__ = ["Runtime", "prepare"]
