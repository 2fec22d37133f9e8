#!/bin/bash
# Writes the engine's secrets to memory. Lines of SECRETS: variable, secret, key inside it (or nothing).
set -euo pipefail
# shellcheck source=/dev/null
. /etc/llminfra/instance.env

umask 077
mkdir -p /run/llminfra
: >/run/llminfra/secrets.env
while IFS=$'\t' read -r variable secret key; do
  [[ -n "$variable" ]] || continue
  value=$(aws secretsmanager get-secret-value --secret-id "$secret" --region "$REGION" --query SecretString --output text)
  if [[ -n "$key" ]]; then
    value=$(jq -er --arg key "$key" '.[$key]' <<<"$value")
  fi
  printf '%s=%s\n' "$variable" "$value" >>/run/llminfra/secrets.env
done </etc/llminfra/secrets.tsv
