#!/bin/bash
# Pulls an image, with a login where it lies in ECR.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

image=$1
registry=${image%%/*}
if docker image inspect "$image" >/dev/null 2>&1; then
  exit 0
fi
if [[ "$registry" =~ \.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com ]]; then
  aws ecr get-login-password --region "${BASH_REMATCH[1]}" | docker login --username AWS --password-stdin "$registry"
fi
docker pull --quiet "$image"
