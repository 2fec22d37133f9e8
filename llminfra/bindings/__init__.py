"""The only importer of CDKTF and of the provider packages.

`core`, `aws` and `helm` hand out the classes of `cdktf`, of the AWS provider and of the Helm provider. Importing them
starts nothing; the first class that is asked for starts the jsii kernel, on a fast path that `prepare` describes.
`LLMINFRA_BINDINGS=plain` switches the fast path off: same classes, same output, 40 times slower.
"""

from llminfra.bindings.lazy_package import SubmoduleNotLoadedError, UnknownSubmoduleError
from llminfra.bindings.runtime import Runtime, prepare
from llminfra.bindings.spec_imports import submodules_imported_by

__all__ = ["Runtime", "SubmoduleNotLoadedError", "UnknownSubmoduleError", "prepare", "submodules_imported_by"]
