"""The router in front of separate prefill and decode pods: images, ports, labels and headers of the pinned release."""

from functools import cache

from llminfra.catalog.datafile import Fact, read_data


class RouterImage(Fact):
    """An image of a release: repository and tag."""

    repository: str
    tag: str


class PdRouter(Fact):
    """llm-d's router.

    Attributes:
        version: Release.
        picker: Chooses the pods of a request; Envoy asks it.
        sidecar: Stands before the engine of each decode pod and fetches the prompt's cache first.
        proxy: Envoy.
        run_as_user: User of its images.
        role_label: Label of pods by which the picker tells the roles apart.
        engine_port: Port of the engine behind the sidecar.
        protected_headers: Headers that steer a request, which callers must not set.
    """

    version: str
    picker: RouterImage
    sidecar: RouterImage
    proxy: RouterImage
    run_as_user: int
    role_label: str
    engine_port: int
    protected_headers: tuple[str, ...]


@cache
def pd_router() -> PdRouter:
    """The pinned release."""
    data = read_data("pd_router.json")
    return PdRouter(**{name: value for name, value in data.items() if not name.startswith("_")})
