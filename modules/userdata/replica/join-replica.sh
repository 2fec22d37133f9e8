#!/bin/bash
# Waits until all instances of the replica are ready for the same round, then says which rank this one has.
#
# A round is one start of the engine on all instances together. Who starts again asks for the next round, and the others
# follow; so a replica that lost an instance, or in which one rank failed, starts as a whole.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

here=${LLMINFRA_BIN:-/opt/llminfra}
run=${LLMINFRA_RUN:-/run/llminfra}
self=$(cat "${LLMINFRA_INSTANCE_ID:-/var/lib/cloud/data/instance-id}")
mkdir -p "$run"
rm -f "$run/replica.env"
own=$(cat "$run/round" 2>/dev/null || echo 0)

announce() {
  own=$1
  echo "$own" >"$run/round"
  aws ec2 create-tags --region "$REGION" --resources "$self" \
    --tags "Key=llminfra:round,Value=$own" Key=llminfra:ready,Value=no
}

asked=no
while true; do
  rows=$("$here/list-members.sh" | awk -F '\t' '$5 != "now"')
  highest=$(awk -F '\t' -v most="$own" '$3 + 0 > most + 0 { most = $3 } END { print most + 0 }' <<<"$rows")
  if [[ $asked == no && ($own == 0 || $highest == "$own") ]]; then
    announce $((highest + 1))
  elif ((highest > own)); then
    announce "$highest"
  elif [[ $(awk -F '\t' -v own="$own" 'NF && $3 == own' <<<"$rows" | wc -l) -eq $NODES && $(wc -l <<<"$rows") -eq $NODES ]]; then
    break
  else
    sleep 5
  fi
  asked=yes
done

mapfile -t members < <(cut -f 1 <<<"$rows")
rank=0
while [[ ${members[rank]} != "$self" ]]; do
  rank=$((rank + 1))
done
{
  echo "RANK=$rank"
  echo "ROUND=$own"
  echo "LEADER_ADDRESS=$(head -n 1 <<<"$rows" | cut -f 2)"
  echo "ADDRESS=$(awk -F '\t' -v self="$self" '$1 == self { print $2 }' <<<"$rows")"
  echo "INTERFACE=$(ip -o -4 route show to default | awk '{ print $5; exit }')"
  echo "MEMBERS='${members[*]}'"
} >"$run/replica.env"
# The container shares the network of the host, and must not reach the role of the instance.
deny=(OUTPUT --destination 169.254.169.254 --match owner --uid-owner "$RUN_AS_USER" --jump REJECT)
iptables --check "${deny[@]}" 2>/dev/null || iptables --insert "${deny[@]}"
