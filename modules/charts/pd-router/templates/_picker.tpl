{{/*
How a request gets its two pods: first the one that answers, then, where enough of the prompt is not cached there, the
one that reads it.
*/}}
{{- define "pd-router.picker" -}}
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: approx-prefix-cache-producer
  - type: prefix-cache-scorer
  - type: queue-scorer
  - type: kv-cache-utilization-scorer
  - type: prefill-filter
  - type: decode-filter
  - type: max-score-picker
  - type: prefix-based-pd-decider
    parameters:
      nonCachedTokens: {{ int64 .Values.remoteFromTokens }}
  - type: disagg-profile-handler
    parameters:
      deciders:
        prefill: prefix-based-pd-decider
schedulingProfiles:
  {{- range $role := list "prefill" "decode" }}
  - name: {{ $role }}
    plugins:
      - pluginRef: {{ $role }}-filter
      - pluginRef: prefix-cache-scorer
        weight: 2
      - pluginRef: queue-scorer
        weight: 1
      {{- if eq $role "decode" }}
      - pluginRef: kv-cache-utilization-scorer
        weight: 1
      {{- end }}
      - pluginRef: max-score-picker
  {{- end }}
{{- end }}
