{{/* A probe; takes (root, probe). */}}
{{- define "llm-server.probe" -}}
{{- $root := index . 0 }}{{ $probe := index . 1 -}}
{{- if $probe.path -}}
httpGet:
  path: {{ $probe.path | quote }}
  port: {{ if $probe.port }}{{ int64 $probe.port }}{{ else }}http{{ end }}
{{- else -}}
exec:
  command:
    {{- toYaml $probe.command | nindent 4 }}
{{- end }}
{{- with $probe.initialDelaySeconds }}
initialDelaySeconds: {{ . }}
{{- end }}
periodSeconds: {{ $probe.periodSeconds }}
timeoutSeconds: {{ $probe.timeoutSeconds }}
failureThreshold: {{ $probe.failureThreshold }}
{{- end }}

{{/* Extended resources and memory: the same for requests and limits, for leader and workers. */}}
{{- define "llm-server.hardResources" -}}
memory: {{ int64 .memoryMib }}Mi
ephemeral-storage: {{ int64 .ephemeralStorageGib }}Gi
{{- if .gpus }}
{{ .gpuResource }}: {{ int64 .gpus | quote }}
{{- end }}
{{- if .efaInterfaces }}
vpc.amazonaws.com/efa: {{ int64 .efaInterfaces | quote }}
{{- end }}
{{- if .hugePagesMib }}
hugepages-2Mi: {{ int64 .hugePagesMib }}Mi
{{- end }}
{{- end }}

{{- define "llm-server.env" -}}
{{- /* A user without an entry in /etc/passwd has no name, which Python's getpass and so PyTorch's caches ask for. */}}
{{- if not (hasKey .Values.env "USER") }}
- name: "USER"
  value: {{ .Values.engine | quote }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- range $cache := .Values.caches }}
{{- range $name, $dir := $cache.env }}
- name: {{ $name | quote }}
  value: {{ ternary (printf "%s/%s" $cache.mountPath $dir) $cache.mountPath (ne $dir "") | quote }}
{{- end }}
{{- end }}
{{- range $name, $path := .Values.fieldEnv }}
- name: {{ $name | quote }}
  valueFrom:
    fieldRef:
      fieldPath: {{ $path | quote }}
{{- end }}
{{- range .Values.secretEnv }}
- name: {{ .name | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ .secretName | quote }}
      key: {{ .secretKey | quote }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}

{{/*
The pod template; takes (root, role) with role "leader" or "worker". Everything but command, arguments, ports and
probes is the same for both, so that EFA, memory and security never differ between the ranks of one replica.
*/}}
{{- define "llm-server.podTemplate" -}}
{{- $root := index . 0 }}{{ $role := index . 1 }}{{ $values := $root.Values }}
{{- $worker := eq $role "worker" }}
{{- $probes := $worker | ternary (dig "workerProbes" dict ($values.group | default dict)) $values.probes }}
metadata:
  labels:
    {{- include "llm-server.podLabels" $root | nindent 4 }}
    llminfra.io/role: {{ $role }}
  annotations:
    kubectl.kubernetes.io/default-container: engine
    {{- if $values.scheduling.doNotDisrupt }}
    karpenter.sh/do-not-disrupt: {{ with $values.scheduling.protectedSeconds }}{{ printf "%ds" (int64 .) | quote }}{{ else }}"true"{{ end }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $values.serviceAccount.name | quote }}
  automountServiceAccountToken: false
  # A Service named vllm-something would inject VLLM_PORT and the like, which engines read as their own settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $values.drain.terminationGracePeriodSeconds }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with $values.scheduling.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with $values.scheduling.runtimeClassName }}
  runtimeClassName: {{ . | quote }}
  {{- end }}
  {{- with $values.scheduling.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.scheduling.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.scheduling.topologySpread }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ .topologyKey | quote }}
      maxSkew: {{ .maxSkew }}
      whenUnsatisfiable: {{ .whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "llm-server.selectorLabels" $root | nindent 10 }}
          llminfra.io/role: {{ $role }}
      {{- if not $values.group }}
      matchLabelKeys:
        - pod-template-hash
      {{- end }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: {{ ne (int $values.security.runAsUser) 0 }}
    runAsUser: {{ int64 $values.security.runAsUser }}
    runAsGroup: {{ int64 $values.security.runAsGroup }}
    {{- if hasKey $values.security "fsGroup" }}
    fsGroup: {{ int64 $values.security.fsGroup }}
    fsGroupChangePolicy: OnRootMismatch
    {{- end }}
    seccompProfile:
      type: RuntimeDefault
  {{- $helpers := include "llm-server.initContainers" $root | trim }}
  {{- $front := $worker | ternary dict ($values.front | default dict) }}
  {{- if or $helpers $front }}
  initContainers:
    {{- with $helpers }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $front }}
    # A sidecar in Kubernetes' own sense: there before the engine, and gone after it.
    - name: {{ .name | quote }}
      image: {{ include "llm-server.imageOf" .image | quote }}
      imagePullPolicy: {{ .image.pullPolicy }}
      restartPolicy: Always
      args:
        {{- toYaml .args | nindent 8 }}
      ports:
        - name: http
          containerPort: {{ $values.port }}
      readinessProbe:
        httpGet:
          path: {{ .readyPath | quote }}
          port: http
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 3
      resources:
        requests:
          cpu: {{ int64 .cpuMillis }}m
          memory: {{ int64 .memoryMib }}Mi
        limits:
          memory: {{ int64 .memoryMib }}Mi
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ int64 .runAsUser }}
        runAsGroup: {{ int64 .runAsUser }}
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop:
            - ALL
  {{- end }}
  {{- end }}
  containers:
    - name: engine
      image: {{ include "llm-server.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      {{- with $worker | ternary (dig "workerCommand" list ($values.group | default dict)) $values.command }}
      command:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $worker | ternary (dig "workerArgs" list ($values.group | default dict)) $values.args }}
      args:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "llm-server.env" $root }}
      env:
        {{- trim . | nindent 8 }}
      {{- end }}
      {{- $extra := and $values.metrics (ne (int (dig "port" 0 ($values.metrics | default dict))) (int $values.port)) }}
      {{- if and (not $worker) (or (not $values.front) $extra) }}
      ports:
        {{- if not $values.front }}
        - name: http
          containerPort: {{ $values.port }}
        {{- end }}
        {{- if $extra }}
        - name: metrics
          containerPort: {{ $values.metrics.port }}
        {{- end }}
      {{- end }}
      startupProbe:
        {{- include "llm-server.probe" (list $root $probes.startup) | nindent 8 }}
      {{- with $probes.readiness }}
      readinessProbe:
        {{- include "llm-server.probe" (list $root .) | nindent 8 }}
      {{- end }}
      livenessProbe:
        {{- include "llm-server.probe" (list $root $probes.liveness) | nindent 8 }}
      {{- /* Workers stay until the leader has drained: without them its running requests would fail. */}}
      {{- with add $values.drain.preStopSleepSeconds ($worker | ternary $values.drain.engineDrainSeconds 0) }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ . }}
      {{- end }}
      resources:
        requests:
          cpu: {{ int64 $values.resources.cpuMillis }}m
          {{- include "llm-server.hardResources" $values.resources | nindent 10 }}
        limits:
          {{- include "llm-server.hardResources" $values.resources | nindent 10 }}
      securityContext:
        {{- if $values.security.privilegedReason }}
        privileged: true
        {{- else }}
        allowPrivilegeEscalation: false
        {{- end }}
        readOnlyRootFilesystem: {{ $values.security.readOnlyRootFilesystem }}
        capabilities:
          drop:
            - ALL
          {{- with $values.security.capabilities }}
          add:
            {{- keys . | sortAlpha | toYaml | nindent 12 }}
          {{- end }}
      volumeMounts:
        - name: shm
          mountPath: /dev/shm
        {{- range $values.caches }}
        - name: {{ .name | quote }}
          mountPath: {{ .mountPath | quote }}
        {{- end }}
        {{- range $values.volumes }}
        - name: {{ .name | quote }}
          mountPath: {{ .mountPath | quote }}
          {{- with .subPath }}
          subPath: {{ . | quote }}
          {{- end }}
          {{- if ternary true .readOnly (has .kind (list "s3" "node")) }}
          readOnly: true
          {{- end }}
        {{- end }}
  volumes:
    - name: shm
      emptyDir:
        medium: Memory
        sizeLimit: {{ int64 $values.shmMib }}Mi
    {{- range $values.caches }}
    - name: {{ .name | quote }}
      emptyDir:
        sizeLimit: {{ int64 .sizeGib }}Gi
    {{- end }}
    {{- range $values.volumes }}
    - name: {{ .name | quote }}
      persistentVolumeClaim:
        claimName: {{ include "llm-server.claimName" (list $root .) | quote }}
        {{- if ternary true .readOnly (eq .kind "s3") }}
        readOnly: true
        {{- end }}
    {{- end }}
    {{- if or $values.nodeCopy $values.keptKernels }}
    - name: scripts
      configMap:
        name: {{ printf "%s-scripts" $values.name | quote }}
    {{- end }}
{{- end }}
