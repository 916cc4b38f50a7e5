SELECT * FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
  AND NOT ifNull((indexHint(has(tokens(skeleton), 'retry')) AND hasToken(skeleton, 'retry')), 0)
ORDER BY timestamp DESC
LIMIT 101
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
  AND NOT ifNull((indexHint(has(tokens(lower(body)), 'retry')) AND hasToken(lower(body), 'retry')), 0)
ORDER BY timestamp DESC
LIMIT 101
)
ORDER BY timestamp DESC
LIMIT 101
SETTINGS use_top_k_dynamic_filtering = 0
