{{- define "pd-router.selectorLabels" -}}
app.kubernetes.io/name: pd-router
app.kubernetes.io/instance: {{ .Values.name | quote }}
{{- end }}

{{- define "pd-router.labels" -}}
{{ include "pd-router.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.version | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The router's own objects are named apart from the Service, which has the endpoint's name. */}}
{{- define "pd-router.name" -}}
{{ .Values.name }}-router
{{- end }}

{{- define "pd-router.imageOf" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Restricted, both containers. */}}
{{- define "pd-router.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "pd-router.resources" -}}
requests:
  cpu: {{ int64 .cpuMillis }}m
  memory: {{ int64 .memoryMib }}Mi
  ephemeral-storage: 64Mi
limits:
  memory: {{ int64 .memoryMib }}Mi
  ephemeral-storage: 64Mi
{{- end }}

{{/* Pods that the picker chooses among: leaders of both roles, which alone answer requests. */}}
{{- define "pd-router.selector" -}}
{{- $pairs := list }}
{{- range $key, $value := .Values.engineLabels }}
{{- $pairs = append $pairs (printf "%s=%s" $key $value) }}
{{- end }}
{{- join "," $pairs }}
{{- end }}
