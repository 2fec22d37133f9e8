#!/bin/bash
# Runs the engine in the foreground of its unit.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

mapfile -t arguments <"$LLMINFRA_ETC"/engine.args
entrypoint=()
if [[ -n "$ENTRYPOINT" ]]; then
  entrypoint=(--entrypoint "$ENTRYPOINT")
fi
docker rm --force llminfra-engine >/dev/null 2>&1 || true
# One address of the host: the load balancer. The container reaches no instance metadata: the hop limit is 1.
exec docker run --rm --name llminfra-engine --gpus all --shm-size "${SHM_MIB}m" --ulimit memlock=-1 \
  --user "$RUN_AS_USER" --cap-drop ALL --security-opt no-new-privileges \
  --env-file "$LLMINFRA_ETC/engine.env" --env-file "${LLMINFRA_RUN:-/run/llminfra}/secrets.env" \
  --publish "$PORT:$PORT" \
  --volume "$LOCAL_DIR/weights:$WEIGHTS_MOUNT:ro" --volume "$LOCAL_DIR/cache:/cache" \
  --log-driver awslogs --log-opt "awslogs-region=$REGION" --log-opt "awslogs-group=$LOG_GROUP" \
  --log-opt "awslogs-stream=engine-$(cat "${LLMINFRA_INSTANCE_ID:-/var/lib/cloud/data/instance-id}")" \
  "${entrypoint[@]}" "$IMAGE" "${arguments[@]}"
