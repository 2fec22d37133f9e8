{{/* Envoy asks the picker beside it about every request, and sends the request to the pod that the picker names. */}}
{{- define "pd-router.envoy" -}}
{{- $type := "type.googleapis.com/envoy" -}}
static_resources:
  listeners:
    - name: callers
      address:
        socket_address:
          address: 0.0.0.0
          port_value: {{ .Values.port }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {{ $type }}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: callers
                use_remote_address: true
                normalize_path: true
                merge_slashes: true
                # Tokens come one by one for minutes: what is bounded is silence, and the whole request.
                stream_idle_timeout: {{ int64 .Values.requestTimeoutSeconds }}s
                route_config:
                  virtual_hosts:
                    - name: engines
                      domains:
                        - "*"
                      routes:
                        - match:
                            prefix: /
                          route:
                            cluster: picked
                            timeout: {{ int64 .Values.requestTimeoutSeconds }}s
                http_filters:
                  # Headers that steer a request are the picker's alone: a caller could reach any address with them.
                  - name: envoy.filters.http.header_mutation
                    typed_config:
                      "@type": {{ $type }}.extensions.filters.http.header_mutation.v3.HeaderMutation
                      mutations:
                        request_mutations:
                          {{- range .Values.protectedHeaders }}
                          - remove: {{ . | quote }}
                          {{- end }}
                  - name: envoy.filters.http.ext_proc
                    typed_config:
                      "@type": {{ $type }}.extensions.filters.http.ext_proc.v3.ExternalProcessor
                      # A request that the picker has not seen has nowhere to go.
                      failure_mode_allow: false
                      grpc_service:
                        envoy_grpc:
                          cluster_name: picker
                      message_timeout: {{ int64 .Values.requestTimeoutSeconds }}s
                      processing_mode:
                        request_header_mode: SEND
                        request_body_mode: FULL_DUPLEX_STREAMED
                        request_trailer_mode: SEND
                        response_header_mode: SEND
                        response_body_mode: FULL_DUPLEX_STREAMED
                        response_trailer_mode: SEND
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": {{ $type }}.extensions.filters.http.router.v3.Router
    - name: ready
      address:
        socket_address:
          address: 0.0.0.0
          port_value: {{ .Values.readyPort }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {{ $type }}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: ready
                route_config: {}
                http_filters:
                  - name: envoy.filters.http.health_check
                    typed_config:
                      "@type": {{ $type }}.extensions.filters.http.health_check.v3.HealthCheck
                      pass_through_mode: false
                      headers:
                        - name: ":path"
                          string_match:
                            exact: /ready
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": {{ $type }}.extensions.filters.http.router.v3.Router
  clusters:
    - name: picked
      type: ORIGINAL_DST
      lb_policy: CLUSTER_PROVIDED
      connect_timeout: 5s
      original_dst_lb_config:
        use_http_header: true
        http_header_name: x-gateway-destination-endpoint
      circuit_breakers:
        thresholds:
          - max_connections: {{ int64 .Values.mostRequests }}
            max_pending_requests: {{ int64 .Values.mostRequests }}
            max_requests: {{ int64 .Values.mostRequests }}
    - name: picker
      type: STATIC
      connect_timeout: 1s
      circuit_breakers:
        thresholds:
          - max_connections: {{ int64 .Values.mostRequests }}
            max_pending_requests: {{ int64 .Values.mostRequests }}
            max_requests: {{ int64 .Values.mostRequests }}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": {{ $type }}.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options: {}
      load_assignment:
        cluster_name: picker
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address:
                      address: 127.0.0.1
                      port_value: 9002
{{- end }}
