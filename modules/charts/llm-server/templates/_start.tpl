{{/* Requests and limits of a helper. */}}
{{- define "llm-server.smallResources" -}}
requests:
  cpu: {{ int64 .cpuMillis }}m
  memory: {{ int64 .memoryMib }}Mi
  ephemeral-storage: 1Gi
limits:
  memory: {{ int64 .memoryMib }}Mi
  ephemeral-storage: 1Gi
{{- end }}

{{/* Nothing but the container itself; takes a user, or 0 for the pod's own. */}}
{{- define "llm-server.smallSecurity" -}}
{{- if . }}
runAsNonRoot: true
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
{{- end }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Variables of both commands on kernels. */}}
{{- define "llm-server.kernelEnv" -}}
- name: BUCKET
  value: {{ .keptKernels.bucket | quote }}
- name: KEY
  value: {{ .keptKernels.key | quote }}
- name: CACHE_DIR
  value: {{ .keptKernels.cache | quote }}
- name: FOLDERS
  value: {{ .keptKernels.folders | toJson | quote }}
- name: READY_URL
  value: {{ printf "http://127.0.0.1:%d%s" (int .port) .keptKernels.readyPath | quote }}
- name: AWS_DEFAULT_REGION
  value: {{ .keptKernels.region | quote }}
- name: PYTHONDONTWRITEBYTECODE
  value: "1"
{{- end }}

{{/* One command on kernels; takes (root, command). */}}
{{- define "llm-server.kernelContainer" -}}
{{- $root := index . 0 }}{{ $command := index . 1 }}{{ $kernels := $root.Values.keptKernels }}
- name: {{ printf "%s-kernels" $command | quote }}
  image: {{ include "llm-server.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  {{- if eq $command "save" }}
  # Started before the engine and ended after it.
  restartPolicy: Always
  {{- end }}
  command:
    - {{ $kernels.python | quote }}
    - /opt/llminfra/keep_kernels.py
    - {{ $command }}
  env:
    {{- include "llm-server.kernelEnv" $root.Values | nindent 4 }}
  resources:
    {{- include "llm-server.smallResources" $kernels.resources | nindent 4 }}
  securityContext:
    {{- include "llm-server.smallSecurity" 0 | trim | nindent 4 }}
  volumeMounts:
    - name: scripts
      mountPath: /opt/llminfra
      readOnly: true
    {{- range $root.Values.caches }}
    {{- if eq .mountPath $kernels.cache }}
    - name: {{ .name | quote }}
      mountPath: {{ .mountPath | quote }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* What runs before the engine, and what stays beside it. */}}
{{- define "llm-server.initContainers" -}}
{{- $root := . }}
{{- with .Values.nodeCopy }}
- name: copy-weights
  {{- with .image }}
  image: {{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
  imagePullPolicy: {{ .pullPolicy }}
  {{- else }}
  image: {{ include "llm-server.image" $root | quote }}
  imagePullPolicy: {{ $root.Values.image.pullPolicy }}
  {{- end }}
  command:
    - {{ .python | quote }}
    - /opt/llminfra/cache_weights.py
  env:
    - name: BUCKET
      value: {{ .bucket | quote }}
    - name: PREFIX
      value: {{ .prefix | quote }}
    - name: CACHE_DIR
      value: /cache
    - name: REQUESTS
      value: {{ .requests | quote }}
    - name: AWS_DEFAULT_REGION
      value: {{ .region | quote }}
    - name: PYTHONDONTWRITEBYTECODE
      value: "1"
  resources:
    {{- include "llm-server.smallResources" .resources | nindent 4 }}
  securityContext:
    {{- include "llm-server.smallSecurity" .user | trim | nindent 4 }}
  volumeMounts:
    - name: scripts
      mountPath: /opt/llminfra
      readOnly: true
    {{- range $root.Values.volumes }}
    {{- if eq .kind "node" }}
    - name: {{ .name | quote }}
      mountPath: /cache
    {{- end }}
    {{- end }}
{{- end }}
{{- with .Values.keptKernels }}
{{ include "llm-server.kernelContainer" (list $root "restore") | trim }}
{{ include "llm-server.kernelContainer" (list $root "save") | trim }}
{{- end }}
{{- end }}
