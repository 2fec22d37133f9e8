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

while [[ "$(metadata autoscaling/target-lifecycle-state || true)" != Terminated ]]; do
  sleep 5
done
# The load balancer needs a moment to stop sending.
sleep "$PRE_STOP_S"
systemctl stop llminfra-engine.service || true
aws autoscaling complete-lifecycle-action --region "$REGION" --auto-scaling-group-name "$GROUP" \
  --lifecycle-hook-name "$DRAIN_HOOK" --lifecycle-action-result CONTINUE \
  --instance-id "$(metadata instance-id)"
