#!/bin/bash
# Makes one fast directory, LOCAL_DIR: all local NVMe disks joined, or a directory of the root volume.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

mkdir -p "$LOCAL_DIR"
if mountpoint -q "$LOCAL_DIR"; then
  exit 0
fi

# The Deep Learning AMI joins the disks itself and mounts them here.
if systemctl list-unit-files dlami-nvme.service --no-legend | grep -q .; then
  systemctl start dlami-nvme.service || true
fi
if mountpoint -q /opt/dlami/nvme; then
  mount --bind /opt/dlami/nvme "$LOCAL_DIR"
else
  shopt -s nullglob
  found=(/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*)
  disks=()
  if ((${#found[@]})); then
    # Every disk has several names.
    mapfile -t disks < <(readlink -f "${found[@]}" | grep -v 'p[0-9]*$' | sort -u)
  fi
  if ((${#disks[@]} > 1)); then
    mdadm --create /dev/md0 --force --run --level=0 --raid-devices="${#disks[@]}" "${disks[@]}"
    mkfs.xfs -f /dev/md0
    mount -o noatime /dev/md0 "$LOCAL_DIR"
  elif ((${#disks[@]} == 1)); then
    mkfs.xfs -f "${disks[0]}"
    mount -o noatime "${disks[0]}" "$LOCAL_DIR"
  fi
fi

mkdir -p "$LOCAL_DIR/weights" "$LOCAL_DIR/cache"
chown -R "$RUN_AS_USER:$RUN_AS_USER" "$LOCAL_DIR/cache"
