#!/bin/bash
# Waits, when all replicas are to be replaced, until those before this one answer again; then marks the instance as gone.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

here=${LLMINFRA_BIN:-/opt/llminfra}
self=$(cat "${LLMINFRA_INSTANCE_ID:-/var/lib/cloud/data/instance-id}")

mark() {
  aws ec2 create-tags --region "$REGION" --resources "$self" --tags "Key=llminfra:leaving,Value=$1"
}

wanted() {
  aws autoscaling describe-auto-scaling-groups --region "$REGION" --auto-scaling-group-names "$1" --output text \
    --query 'sum(AutoScalingGroups[].DesiredCapacity)'
}

my_turn() {
  local other rows
  # The replica is given up: there is nothing to take turns for.
  [[ $(wanted "$GROUP") != 0 ]] || return 0
  for other in $EARLIER_GROUPS; do
    rows=$("$here/list-members.sh" "$other") || return 1
    if awk -F '\t' '$5 ~ /^(waits|now)$/ { found = 1 } END { exit !found }' <<<"$rows"; then
      return 1
    fi
  done
  for other in $OTHER_GROUPS; do
    rows=$("$here/list-members.sh" "$other") || return 1
    if ! awk -F '\t' '$4 == "yes" { found = 1 } END { exit !found }' <<<"$rows" && [[ $(wanted "$other") != 0 ]]; then
      return 1
    fi
  done
}

mark waits
until my_turn; do
  aws autoscaling record-lifecycle-action-heartbeat --region "$REGION" --auto-scaling-group-name "$GROUP" \
    --lifecycle-hook-name "$DRAIN_HOOK" --instance-id "$self" || true
  sleep 30
done
mark now
