{{- define "karpenter-pools.labels" -}}
app.kubernetes.io/name: karpenter-pools
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A requirement on a well-known label; takes (key, values). */}}
{{- define "karpenter-pools.in" -}}
- key: {{ index . 0 }}
  operator: In
  values:
    {{- toYaml (index . 1) | nindent 4 }}
{{- end }}
