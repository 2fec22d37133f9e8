#!/bin/bash
# Starts the engine again when the replica has other instances or a new round, or when the leader stops answering.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

here=${LLMINFRA_BIN:-/opt/llminfra}
run=${LLMINFRA_RUN:-/run/llminfra}
self=$(cat "${LLMINFRA_INSTANCE_ID:-/var/lib/cloud/data/instance-id}")
answered=no
failures=0

again() {
  echo "$1: the engine starts again" >&2
  answered=no
  failures=0
  # Nothing to finish without the other ranks; the unit starts it again.
  docker kill llminfra-engine >/dev/null || true
}

while sleep 10; do
  if [[ ! -e "$run/replica.env" || $(systemctl is-active llminfra-engine.service || true) != active ]]; then
    answered=no
    continue
  fi
  # shellcheck source=/dev/null
  . "$run/replica.env"
  rows=$("$here/list-members.sh" | awk -F '\t' '$5 != "now"') || continue
  highest=$(awk -F '\t' '$3 + 0 > most { most = $3 } END { print most + 0 }' <<<"$rows")
  if [[ $(cut -f 1 <<<"$rows" | xargs) != "$MEMBERS" ]]; then
    again "other instances"
  elif ((highest > ROUND)); then
    again "round $highest"
  elif ((RANK > 0)); then
    continue
  elif curl -sf --max-time 10 --output /dev/null "http://127.0.0.1:$PORT$HEALTH_PATH"; then
    failures=0
    if [[ $answered == no ]]; then
      aws ec2 create-tags --region "$REGION" --resources "$self" --tags Key=llminfra:ready,Value=yes && answered=yes
    fi
  elif [[ $answered == yes ]] && ((++failures >= 6)); then
    again "no answer"
  fi
done
