"""Values of the CSI drivers for FSx for Lustre and Mountpoint for Amazon S3.

Sources: kubernetes-sigs/aws-fsx-csi-driver:charts/aws-fsx-csi-driver/values.yaml,
awslabs/mountpoint-s3-csi-driver:charts/aws-mountpoint-s3-csi-driver/values.yaml. Both are EKS add-ons too; the charts
are for clusters that do not take add-ons. Their node parts tolerate every taint by themselves.
"""

from llminfra.charts.kubernetes import Toleration
from llminfra.charts.upstream._shared import ControllerServiceAccount
from llminfra.charts.values import ChartValues, LateStr


class FsxController(ChartValues):
    """``controller``; the region is given because pods cannot reach the instance metadata."""

    region: LateStr
    service_account: ControllerServiceAccount = ControllerServiceAccount(name="fsx-csi-controller-sa")
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = [Toleration(key="CriticalAddonsOnly")]


class FsxNode(ChartValues):
    """``node``."""

    tolerate_all_taints: bool = True


class FsxCsiDriverValues(ChartValues):
    """Driver ``fsx.csi.aws.com``."""

    controller: FsxController
    node: FsxNode = FsxNode()


class MountpointNode(ChartValues):
    """``node``."""

    tolerate_all_taints: bool = True


class MountpointExperimental(ChartValues):
    """``experimental``."""

    reserve_headroom_for_mountpoint_pods: bool = True
    """Keeps room for the mount pod on a node that its workload fills (awslabs/mountpoint-s3-csi-driver#543)."""


class MountpointCsiDriverValues(ChartValues):
    """Driver ``s3.csi.aws.com``; the identity is that of the workload (``authenticationSource: pod``)."""

    node: MountpointNode = MountpointNode()
    experimental: MountpointExperimental = MountpointExperimental()
