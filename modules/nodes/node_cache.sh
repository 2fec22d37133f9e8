#!/bin/bash
# Makes the folder in which pods keep models on the node's NVMe array, each time before the kubelet starts.
#
# The array is mounted by nodeadm, after this script and before the kubelet; so the kubelet's own unit makes the folder.
# Without the array the kubelet does not start: models on the root volume would fill it.
set -euo pipefail
: "${NODE_CACHE_ARRAY:?}" "${NODE_CACHE_DIR:?}" "${NODE_CACHE_USER:?}"

unit=/etc/systemd/system/kubelet.service.d/20-llminfra-node-cache.conf
mkdir -p "${unit%/*}"
cat >"$unit" <<UNIT
[Service]
ExecStartPre=/usr/bin/mountpoint -q $NODE_CACHE_ARRAY
ExecStartPre=/usr/bin/install -d -m 0755 -o $NODE_CACHE_USER -g $NODE_CACHE_USER $NODE_CACHE_DIR
UNIT
systemctl daemon-reload
