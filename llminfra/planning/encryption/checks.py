"""Keys that cannot be used where they are declared, and what is stored without the declared key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.spec.compute.existing_cluster import ExistingCluster
from llminfra.spec.foundation.state import S3State
from llminfra.spec.models.storage import Lustre, ModelBucket

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.foundation.encryption import CustomerKey
    from llminfra.spec.platform import Platform

_PATH = "encryption"
_WITHOUT = "LLM_KEY_5"


def check_encryption(platform: Platform, findings: Findings) -> None:
    """Report what a declared key cannot do, and what it does not reach."""
    if platform.encryption is None or platform.encryption.broken or _PATH in platform.doubtful:
        return
    if platform.customer_key is not None:
        _check_key(platform, platform.customer_key, findings)
    _check_reach(platform, findings)


def _check_key(platform: Platform, key: CustomerKey, findings: Findings) -> None:
    if key.region != platform.region:
        findings.error(
            "LLM_KEY_1",
            key,
            f"{_PATH}.arn",
            "AWS services encrypt with keys of their own region only",
            found=f"a key of {key.region} for a platform in {platform.region}",
            expected=f"a key of {platform.region}; of a multi-Region key its replica there",
            fix=f"name a key of {platform.region}",
        )
    if platform.account_id is None and "account_id" not in platform.doubtful:
        findings.error(
            "LLM_KEY_2",
            platform,
            "account_id",
            "what the key's owner must allow depends on whose account the platform is in, and that is not said",
            found="account_id is not set",
            expected="the account that Terraform runs in",
            fix=f'set account_id="{key.account_id}", or the number of another account',
        )
    elif platform.account_id not in (None, key.account_id):
        _check_foreign(platform, key, findings)
    state = platform.state
    if isinstance(state, S3State) and not state.broken and state.kms_key_arn is None:
        region = state.region or platform.region
        if region != key.region:
            findings.error(
                "LLM_KEY_4",
                state,
                "state.kms_key_arn",
                "the state lies in another region than the key, and would be encrypted with it",
                found=f"a bucket in {region}, a key of {key.region}",
                expected=f"a key of {region}",
                fix=f"set S3State(kms_key_arn=…) to a key of {region}, or use a bucket in {key.region}",
            )


def _check_foreign(platform: Platform, key: CustomerKey, findings: Findings) -> None:
    for item in platform.storage:
        if not isinstance(item, Lustre) or item.broken or item.source is None or item.source.broken:
            continue
        if not item.source.existing:
            findings.error(
                "LLM_KEY_3",
                item,
                f"storage.{item.name}.source",
                "the key is another account's, and the role by which FSx reads the bucket cannot be given the right to "
                "use it",
                found=f"a bucket under a key of account {key.account_id}",
                expected=f"a key of account {platform.account_id}, or a bucket that is there under one",
                fix="name a key of the platform's own account, or a bucket with existing=True and its kms_key_arn",
            )


def _check_reach(platform: Platform, findings: Findings) -> None:
    for item in platform.storage:
        if isinstance(item, ModelBucket) and not item.broken and item.existing and item.kms_key_arn is None:
            findings.warning(
                _WITHOUT,
                item,
                f"storage.{item.name}",
                "the bucket is there already, and with which key it encrypts is not said",
                found="existing=True without kms_key_arn",
                expected="kms_key_arn, so that readers may decrypt with that key",
                fix="set ModelBucket(kms_key_arn=…)",
            )
    state = platform.state
    if isinstance(state, S3State) and not state.broken and state.kms_key_arn is None and not platform.customer_key:
        findings.warning(
            _WITHOUT,
            state,
            "state",
            "the state is encrypted with its bucket's own key: what it describes cannot encrypt it",
            found="S3State without kms_key_arn",
            expected="a key that somebody else manages",
            fix="set S3State(kms_key_arn=…)",
        )
    observability = platform.own_observability
    if observability is not None and not observability.broken and observability.grafana == "managed":
        findings.warning(
            _WITHOUT,
            observability,
            "observability.grafana",
            "dashboards and users of Amazon Managed Grafana are encrypted with a key of AWS: the pinned Terraform "
            "provider has no argument for another",
            found='grafana="managed"',
            expected="a Grafana whose volume the declared key encrypts",
            fix='set Observability(grafana="in-cluster"), or waive this',
        )
    cluster = platform.cluster
    if isinstance(cluster, ExistingCluster) and not cluster.broken and platform.needs_cluster:
        findings.warning(
            _WITHOUT,
            cluster,
            "cluster",
            "whoever made the cluster chose the key of its secrets, and its controllers have roles of theirs",
            found=f"cluster {cluster.name}, which is there",
            expected="a cluster under a key that you know, and roles of its EBS CSI driver and Karpenter that may use "
            "this platform's key",
            fix="ask its owner; the statements for such roles are in docs/encryption.md, then waive this",
        )
