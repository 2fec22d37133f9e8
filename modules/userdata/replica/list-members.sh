#!/bin/bash
# Lists the instances of a replica, first the one that leads: id, address, round, whether it answers, whether it leaves.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

aws ec2 describe-instances --region "$REGION" --output text \
  --filters "Name=tag:aws:autoscaling:groupName,Values=${1:-$GROUP}" Name=instance-state-name,Values=pending,running \
  --query "Reservations[].Instances[].[InstanceId, PrivateIpAddress, Tags[?Key=='llminfra:round'].Value | [0],
    Tags[?Key=='llminfra:ready'].Value | [0], Tags[?Key=='llminfra:leaving'].Value | [0]]" |
  sort
