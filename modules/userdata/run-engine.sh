#!/bin/bash
# Runs the engine in the foreground of its unit.
set -euo pipefail
# shellcheck source=/dev/null
. "${LLMINFRA_ETC:=/etc/llminfra}/instance.env"

run=${LLMINFRA_RUN:-/run/llminfra}
file=engine.args
values=("$run/secrets.env")
# One address of the host: the load balancer. The container reaches no instance metadata: the hop limit is 1.
options=(--publish "$PORT:$PORT")
if ((${NODES:-1} > 1)); then
  # shellcheck source=/dev/null
  . "$run/replica.env"
  if ((RANK > 0)); then
    file=worker.args
  fi
  values+=("$run/replica.env")
  options=(--network host --env "NCCL_SOCKET_IFNAME=$INTERFACE" --env "GLOO_SOCKET_IFNAME=$INTERFACE")
  for name in $ADDRESS_ENV; do
    options+=(--env "$name=$ADDRESS")
  done
  for capability in $CAPABILITIES; do
    options+=(--cap-add "$capability")
  done
  for device in "${LLMINFRA_EFA:-/dev/infiniband}"/uverbs*; do
    options+=(--device "$device")
  done
fi
mapfile -t arguments <"$LLMINFRA_ETC/$file"
# As Kubernetes does: $(NAME) in an argument is the value of a variable.
while IFS= read -r line; do
  arguments=("${arguments[@]//"\$(${line%%=*})"/"${line#*=}"}")
done < <(cat "${values[@]}")
entrypoint=()
if [[ -n "$ENTRYPOINT" ]]; then
  entrypoint=(--entrypoint "$ENTRYPOINT")
fi
docker rm --force llminfra-engine >/dev/null 2>&1 || true
exec docker run --rm --name llminfra-engine --gpus all --shm-size "${SHM_MIB}m" --ulimit memlock=-1 \
  --user "$RUN_AS_USER" --cap-drop ALL --security-opt no-new-privileges \
  --env-file "$LLMINFRA_ETC/engine.env" --env-file "$run/secrets.env" \
  "${options[@]}" \
  --volume "$LOCAL_DIR/weights:$WEIGHTS_MOUNT:ro" --volume "$LOCAL_DIR/cache:/cache" \
  --log-driver awslogs --log-opt "awslogs-region=$REGION" --log-opt "awslogs-group=$LOG_GROUP" \
  --log-opt "awslogs-stream=engine-$(cat "${LLMINFRA_INSTANCE_ID:-/var/lib/cloud/data/instance-id}")" \
  "${entrypoint[@]}" "$IMAGE" "${arguments[@]}"
