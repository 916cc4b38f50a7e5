SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND NOT ifNull(position(body, 'debug') > 0, 0)
