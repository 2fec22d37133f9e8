# ruff: noqa: F403
"""The Helm provider: `HelmProvider`, `Release`, `DataHelmTemplate` and their nested structs."""

from cdktf_cdktf_provider_helm.data_helm_template import *
from cdktf_cdktf_provider_helm.provider import *
from cdktf_cdktf_provider_helm.release import *
