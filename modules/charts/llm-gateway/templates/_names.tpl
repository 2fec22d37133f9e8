{{- define "llm-gateway.labels" -}}
app.kubernetes.io/name: llm-gateway
app.kubernetes.io/instance: {{ .Values.name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What Envoy Gateway puts on Envoy's pods. */}}
{{- define "llm-gateway.proxyLabels" -}}
gateway.envoyproxy.io/owning-gateway-name: {{ .Values.name | quote }}
gateway.envoyproxy.io/owning-gateway-namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{/* Selector of a picker's pods; takes (root, picker). */}}
{{- define "llm-gateway.pickerLabels" -}}
{{- $picker := index . 1 -}}
app.kubernetes.io/name: endpoint-picker
app.kubernetes.io/instance: {{ $picker.name | quote }}
{{- end }}

{{/* What every policy of this gateway applies to. */}}
{{- define "llm-gateway.target" -}}
- group: gateway.networking.k8s.io
  kind: Gateway
  name: {{ .Values.name | quote }}
{{- end }}

{{- define "llm-gateway.imageOf" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
