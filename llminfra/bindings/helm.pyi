# The Helm provider: `HelmProvider`, `Release`, `DataHelmTemplate` and their nested structs.
# ruff: noqa: F403
from cdktf_cdktf_provider_helm.data_helm_template import *
from cdktf_cdktf_provider_helm.provider import *
from cdktf_cdktf_provider_helm.release import *
