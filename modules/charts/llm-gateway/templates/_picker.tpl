{{/* EndpointPickerConfig of a picker (llm-d/llm-d-router: docs/architecture.md, config/charts/routerlib). */}}
{{- define "llm-gateway.pickerConfig" -}}
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
{{- if .holdSeconds }}
featureGates:
  - flowControl
{{- end }}
plugins:
  {{- if not .readsBodies }}
  - type: passthrough-parser
  {{- end }}
  {{- if .holdSeconds }}
  - type: round-robin-fairness-policy
  {{- end }}
  {{- if .prefix }}
  - type: prefix-cache-scorer
  {{- end }}
  {{- with .metrics }}
  - type: queue-scorer
  {{- if .kvUsage }}
  - type: kv-cache-utilization-scorer
  {{- end }}
  - type: metrics-data-source
    parameters:
      scheme: http
      path: {{ .path | quote }}
  - type: core-metrics-extractor
    parameters:
      defaultEngine: endpoint
      engineConfigs:
        - name: endpoint
          queuedRequestsSpec: {{ .queued | quote }}
          {{- with .running }}
          runningRequestsSpec: {{ . | quote }}
          {{- end }}
          {{- with .kvUsage }}
          kvUsageSpec: {{ . | quote }}
          {{- end }}
  {{- else }}
  - type: active-request-scorer
  {{- end }}
schedulingProfiles:
  - name: default
    plugins:
      {{- if .prefix }}
      - pluginRef: prefix-cache-scorer
        weight: 3
      {{- end }}
      {{- if .metrics }}
      - pluginRef: queue-scorer
        weight: 2
      {{- if .metrics.kvUsage }}
      - pluginRef: kv-cache-utilization-scorer
        weight: 2
      {{- end }}
      {{- else }}
      - pluginRef: active-request-scorer
        weight: 2
      {{- end }}
{{- if not .readsBodies }}
requestHandler:
  parsers:
    - pluginRef: passthrough-parser
{{- end }}
{{- if not .metrics }}
dataLayer:
  injectDefaults: false
{{- end }}
{{- if .holdSeconds }}
flowControl:
  defaultRequestTTL: {{ .holdSeconds }}s
  maxBytes: {{ .holdMib }}Mi
  # Tenants take turns: one that sends much keeps nobody else waiting.
  priorityBands:
    - priority: 0
      fairnessPolicyRef: round-robin-fairness-policy
{{- end }}
{{- end }}
