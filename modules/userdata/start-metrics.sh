#!/bin/bash
# Starts the CloudWatch agent, which scrapes the engine and the DCGM exporter and ships system logs.
set -euo pipefail

if ! rpm -q amazon-cloudwatch-agent >/dev/null; then
  dnf install --assumeyes --quiet amazon-cloudwatch-agent
fi
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
  -c file:/etc/llminfra/cloudwatch-agent.json
