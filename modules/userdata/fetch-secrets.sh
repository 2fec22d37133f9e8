#!/bin/bash
# Writes the engine's secrets to memory. Lines of SECRETS: variable, secret, key inside it (or nothing).
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

run=${LLMINFRA_RUN:-/run/llminfra}
umask 077
mkdir -p "$run"
: >"$run/secrets.env"
while IFS=$'\t' read -r variable secret key; do
  [[ -n "$variable" ]] || continue
  value=$(aws secretsmanager get-secret-value --secret-id "$secret" --region "$REGION" --query SecretString --output text)
  if [[ -n "$key" ]]; then
    value=$(jq -er --arg key "$key" '.[$key]' <<<"$value")
  fi
  printf '%s=%s\n' "$variable" "$value" >>"$run/secrets.env"
done <"$LLMINFRA_ETC"/secrets.tsv
