SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration` FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`, xxh3(concat(reinterpretAsFixedString(toUnixTimestamp64Nano(timestamp)), reinterpretAsFixedString(severity_number), trace_id, span_id, reinterpretAsFixedString(xxh3(service)), reinterpretAsFixedString(xxh3(body)), reinterpretAsFixedString(xxh3(event_name)), reinterpretAsFixedString(xxh3(resource)), reinterpretAsFixedString(toUInt64(arraySum(arrayMap((k, v) -> if(k IN ('http.route'), 0, xxh3(concat(k, '\0s', v))), mapKeys(attributes_string), mapValues(attributes_string))) + arraySum(arrayMap((k, v) -> if(k IN ('status'), 0, xxh3(concat(k, '\0i', reinterpretAsFixedString(v)))), mapKeys(attributes_int), mapValues(attributes_int))) + if(isNull(`s_http_route`), 0, xxh3(concat('http.route', '\0s', assumeNotNull(`s_http_route`)))) + if(isNull(`i_status`), 0, xxh3(concat('status', '\0i', reinterpretAsFixedString(assumeNotNull(`i_status`))))) + if(isNull(`f_duration`), 0, xxh3(concat('duration', '\0f', reinterpretAsFixedString(assumeNotNull(`f_duration`))))))))) AS _hash FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND hour = 48
  AND timestamp >= fromUnixTimestamp64Nano(172800000000001, 'UTC')
  AND timestamp < fromUnixTimestamp64Nano(172800000000002, 'UTC')
)
)
WHERE _hash = 255
LIMIT 1
;
SELECT service, resource FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration` FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`, xxh3(concat(reinterpretAsFixedString(toUnixTimestamp64Nano(timestamp)), reinterpretAsFixedString(severity_number), trace_id, span_id, reinterpretAsFixedString(xxh3(service)), reinterpretAsFixedString(xxh3(body)), reinterpretAsFixedString(xxh3(event_name)), reinterpretAsFixedString(xxh3(resource)), reinterpretAsFixedString(toUInt64(arraySum(arrayMap((k, v) -> if(k IN ('http.route'), 0, xxh3(concat(k, '\0s', v))), mapKeys(attributes_string), mapValues(attributes_string))) + arraySum(arrayMap((k, v) -> if(k IN ('status'), 0, xxh3(concat(k, '\0i', reinterpretAsFixedString(v)))), mapKeys(attributes_int), mapValues(attributes_int))) + if(isNull(`s_http_route`), 0, xxh3(concat('http.route', '\0s', assumeNotNull(`s_http_route`)))) + if(isNull(`i_status`), 0, xxh3(concat('status', '\0i', reinterpretAsFixedString(assumeNotNull(`i_status`))))) + if(isNull(`f_duration`), 0, xxh3(concat('duration', '\0f', reinterpretAsFixedString(assumeNotNull(`f_duration`))))))))) AS _hash FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND hour = 48
  AND timestamp >= fromUnixTimestamp64Nano(172800000000001, 'UTC')
  AND timestamp < fromUnixTimestamp64Nano(172800000000002, 'UTC')
)
)
WHERE _hash = 255
LIMIT 1
)
