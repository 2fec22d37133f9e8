{{/*
Labels that never change: what selectors use. Further replicas of an endpoint are another application of the same
instance: both workloads select their own pods, and one Service may select both.
*/}}
{{- define "llm-server.selectorLabels" -}}
app.kubernetes.io/name: {{ ternary "llm-server-overflow" "llm-server" (not (empty .Values.overflowOf)) }}
app.kubernetes.io/instance: {{ .Values.overflowOf | default .Values.name | quote }}
{{- end }}

{{/* Pods that callers reach: with an overflow those of both releases. */}}
{{- define "llm-server.calledLabels" -}}
{{- if .Values.hasOverflow -}}
app.kubernetes.io/instance: {{ .Values.name | quote }}
{{- else -}}
{{ include "llm-server.selectorLabels" . }}
{{- end }}
{{- end }}

{{/* Labels of pods: without the chart's version, so that a new chart alone does not restart a loaded model. */}}
{{- define "llm-server.podLabels" -}}
{{ include "llm-server.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.engine | quote }}
app.kubernetes.io/version: {{ .Values.engineVersion | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of every object. */}}
{{- define "llm-server.labels" -}}
{{ include "llm-server.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* A LeaderWorkerSet owns a headless Service of its own name, so it cannot share the endpoint's. */}}
{{- define "llm-server.workloadName" -}}
{{- if .Values.group }}{{ .Values.name }}-lws{{ else }}{{ .Values.name }}{{ end }}
{{- end }}

{{/*
What a volume is of, shortened; takes (root, volume). Kubernetes lets nobody change the source of a PersistentVolume or
the claim on it: another file system, bucket or folder is another volume by its name, and pods that still have the old
one keep it until they end. A file system that grows stays what it is.
*/}}
{{- define "llm-server.volumeVersion" -}}
{{- $root := index . 0 }}{{ $volume := index . 1 -}}
{{- $owner := ternary (printf "%d:%d" (int64 $root.Values.security.runAsUser) (int64 $root.Values.security.runAsGroup)) "" (eq $volume.kind "s3") -}}
{{- printf "%s%s" (omit $volume "capacityGib" "mountPath" "name" "readOnly" | toJson) $owner | sha256sum | trunc 8 }}
{{- end }}

{{/* Cluster-wide name of a PersistentVolume; takes (root, volume). */}}
{{- define "llm-server.persistentVolumeName" -}}
{{- $root := index . 0 -}}
{{ $root.Release.Namespace }}-{{ include "llm-server.claimName" . }}
{{- end }}

{{/* Name of the claim behind a volume; takes (root, volume). */}}
{{- define "llm-server.claimName" -}}
{{- $root := index . 0 }}{{ $volume := index . 1 -}}
{{- if eq $volume.kind "claim" -}}
{{ $volume.claimName }}
{{- else -}}
{{ $root.Values.name }}-{{ $volume.name }}-{{ include "llm-server.volumeVersion" . }}
{{- end }}
{{- end }}

{{- define "llm-server.image" -}}
{{- include "llm-server.imageOf" .Values.image }}
{{- end }}

{{- define "llm-server.imageOf" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
