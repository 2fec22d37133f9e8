#!/bin/bash
# Mounts the volume with container images, which was made from a snapshot, where containerd keeps them.
#
# Runs before nodeadm starts containerd. A node without the volume, or with one that cannot be mounted, pulls its images.
set -euo pipefail
: "${IMAGE_VOLUME_LABEL:?}"
state=/var/lib/containerd

device=
for _ in $(seq 30); do
  device=$(blkid -L "$IMAGE_VOLUME_LABEL" || true)
  [[ -z $device ]] || break
  sleep 2
done
if [[ -z $device ]]; then
  echo "no volume is labelled $IMAGE_VOLUME_LABEL: images are pulled" >&2
  exit 0
fi

systemctl stop containerd.service
mkdir -p "$state"
if ! mountpoint -q "$state"; then
  mount -t xfs -o noatime "$device" "$state"
fi
# The volume may be larger than the snapshot.
xfs_growfs "$state" >/dev/null

# The pause image of this AMI, which is not in the snapshot of another one.
unit=/etc/systemd/system/containerd.service.d/20-llminfra-images.conf
mkdir -p "${unit%/*}"
cat >"$unit" <<'UNIT'
[Service]
ExecStartPost=-/usr/bin/ctr --namespace k8s.io images import /etc/eks/pause.tar
UNIT
systemctl daemon-reload
