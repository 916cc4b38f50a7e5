SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND trace_id = unhex('abababababababababababababababab')
ORDER BY timestamp DESC
LIMIT 101
SETTINGS use_top_k_dynamic_filtering = 0
