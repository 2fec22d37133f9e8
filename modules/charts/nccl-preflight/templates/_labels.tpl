{{- define "nccl-preflight.labels" -}}
app.kubernetes.io/name: nccl-preflight
app.kubernetes.io/instance: {{ .Values.name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "nccl-preflight.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end }}

{{/* Memory and extended resources: the same for requests and limits. */}}
{{- define "nccl-preflight.hardResources" -}}
memory: {{ int64 .memoryMib }}Mi
ephemeral-storage: {{ int64 .ephemeralStorageGib }}Gi
nvidia.com/gpu: {{ int64 .gpus | quote }}
{{- if .efaInterfaces }}
vpc.amazonaws.com/efa: {{ int64 .efaInterfaces | quote }}
{{- end }}
{{- if .hugePagesMib }}
hugepages-2Mi: {{ int64 .hugePagesMib }}Mi
{{- end }}
{{- end }}
