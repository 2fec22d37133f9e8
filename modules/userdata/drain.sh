#!/bin/bash
# Waits for the Auto Scaling group to take the instance, lets the engine finish its requests, then says so.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

metadata() {
  local token
  token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
  curl -sf -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/meta-data/$1"
}

given_up=no
while [[ "$(metadata autoscaling/target-lifecycle-state || true)" != Terminated ]]; do
  # EC2 takes a spot instance back in two minutes; only the group can take it from the load balancer and start another.
  if [[ "${SPOT:-no}" == yes && $given_up == no ]] && metadata spot/instance-action >/dev/null; then
    given_up=yes
    aws autoscaling terminate-instance-in-auto-scaling-group --region "$REGION" \
      --instance-id "$(metadata instance-id)" --no-should-decrement-desired-capacity >/dev/null || true
  fi
  sleep 5
done
if ((${NODES:-1} > 1)); then
  "${LLMINFRA_BIN:-/opt/llminfra}/await-turn.sh"
fi
# The load balancer needs a moment to stop sending.
sleep "$PRE_STOP_S"
systemctl stop llminfra-engine.service || true
aws autoscaling complete-lifecycle-action --region "$REGION" --auto-scaling-group-name "$GROUP" \
  --lifecycle-hook-name "$DRAIN_HOOK" --lifecycle-action-result CONTINUE \
  --instance-id "$(metadata instance-id)"
