#!/bin/bash
# Cuts every GPU of the node into MIG slices, at each boot and before the kubelet starts: slices do not survive a boot.
set -euo pipefail
: "${MIG_PROFILE:?}" "${MIG_SLICES:?}"

# A node whose GPUs are whole must not join: its pods would get more than they may.
trap 'systemctl mask --runtime --now kubelet.service; echo "MIG could not be set up: the node stays out" >&2' ERR

for _ in $(seq 60); do
  nvidia-smi -L >/dev/null 2>&1 && break
  sleep 2
done

some_are_whole() {
  [[ "$(nvidia-smi --query-gpu=mig.mode.current --format=csv,noheader)" == *Disabled* ]]
}

if some_are_whole; then
  nvidia-smi -mig 1 || true
fi
if some_are_whole; then
  # Ampere changes the mode with a reset, which nothing may hold the device for; where that is refused, with a reboot.
  for service in nvidia-dcgm nvidia-persistenced nvidia-fabricmanager; do
    systemctl stop "$service.service" 2>/dev/null || true
  done
  nvidia-smi --gpu-reset || true
  if some_are_whole; then
    [[ ! -e /var/lib/llminfra-mig-rebooted ]]
    touch /var/lib/llminfra-mig-rebooted
    systemctl mask --runtime kubelet.service
    systemctl reboot
    exit 0
  fi
  for service in nvidia-fabricmanager nvidia-persistenced; do
    systemctl start "$service.service" 2>/dev/null || true
  done
fi

gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader | wc -l)
there() {
  nvidia-smi -L | grep -c "MIG $MIG_PROFILE " || true
}
if (($(there) != gpus * MIG_SLICES)); then
  nvidia-smi mig -dci >/dev/null 2>&1 || true
  nvidia-smi mig -dgi >/dev/null 2>&1 || true
  profiles=$MIG_PROFILE
  for ((slice = 1; slice < MIG_SLICES; slice++)); do
    profiles+=",$MIG_PROFILE"
  done
  nvidia-smi mig -cgi "$profiles" -C
fi
# This also makes the device nodes of the slices.
nvidia-smi -L
(($(there) == gpus * MIG_SLICES))
