#!/bin/bash
# Copies the model from S3 to the local disk; does nothing where the engine gets it elsewhere.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

if [[ -z "$WEIGHTS_BUCKET" ]]; then
  exit 0
fi
target="$LOCAL_DIR/weights/$WEIGHTS_KEY"
if [[ -e "$target.complete" ]]; then
  exit 0
fi
mkdir -p "$target"
aws configure set default.s3.preferred_transfer_client crt
aws s3 sync "s3://$WEIGHTS_BUCKET/$WEIGHTS_KEY/" "$target/" --region "$REGION" --only-show-errors
# A copy from the Hub writes this file last.
if [[ ! -e "$target/config.json" ]]; then
  echo "s3://$WEIGHTS_BUCKET/$WEIGHTS_KEY/ has no config.json: the model is not there, or not all of it yet" >&2
  exit 1
fi
touch "$target.complete"
