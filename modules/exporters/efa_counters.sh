#!/bin/sh
# Writes the counters of EFA devices where the node exporter's textfile collector finds them, under the names of AWS's
# own EFA exporter: node_amazonefa_<counter>{device, port}. On a node without EFA it writes an empty file.
#
# Environment:
#   SYSFS    where the host's /sys is (default /sys)
#   OUT      file to write (default /run/prometheus/efa.prom)
#   EVERY_S  seconds between two readings (default 15; 0 reads once)
set -u

SYSFS=${SYSFS:-/sys}
OUT=${OUT:-/run/prometheus/efa.prom}
EVERY_S=${EVERY_S:-15}

# Counters of one name stand together, as the exposition format wants it; other vendors' devices are left out.
counters() {
  for device in "$SYSFS"/class/infiniband/*; do
    [ -r "$device/device/vendor" ] || continue
    [ "$(cat "$device/device/vendor")" = "0x1d0f" ] || continue
    for file in "$device"/ports/*/hw_counters/*; do
      [ -r "$file" ] || continue
      name=${file##*/}
      port=${file%/hw_counters/*}
      value=$(cat "$file" 2>/dev/null) || continue
      case $value in
        '' | *[!0-9]*) continue ;;
      esac
      printf '%s %s %s %s\n' "$name" "${device##*/}" "${port##*/}" "$value"
    done
  done | sort | while read -r name device port value; do
    if [ "$name" != "${last-}" ]; then
      printf '# HELP node_amazonefa_%s EFA hardware counter %s.\n' "$name" "$name"
      printf '# TYPE node_amazonefa_%s counter\n' "$name"
      last=$name
    fi
    printf 'node_amazonefa_%s{device="%s",port="%s"} %s\n' "$name" "$device" "$port" "$value"
  done
}

while :; do
  # The collector must never see half a file.
  counters > "$OUT.tmp" && mv "$OUT.tmp" "$OUT"
  [ "$EVERY_S" = 0 ] && exit 0
  sleep "$EVERY_S"
done
