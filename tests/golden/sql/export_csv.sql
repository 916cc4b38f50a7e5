-- nothing
;
SELECT b, sum(c) FROM (
SELECT intDiv(hour, 24) AS b, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
GROUP BY b
UNION ALL
SELECT intDiv(hour, 24) AS b, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
GROUP BY b
)
GROUP BY b
ORDER BY b DESC
;
SELECT _0 AS `timestamp`, _1 AS `body`, _2 AS `attributes.status` FROM (
SELECT timestamp AS _0, if(match(toString(body), '^[-=+@\\t\\r]'), concat('\'', toString(body)), toString(body)) AS _1, if(match(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), ''), '^[-=+@\\t\\r]'), concat('\'', ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')) AS _2, timestamp AS _t
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 25
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
UNION ALL
SELECT timestamp AS _0, if(match(toString(body), '^[-=+@\\t\\r]'), concat('\'', toString(body)), toString(body)) AS _1, if(match(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), ''), '^[-=+@\\t\\r]'), concat('\'', ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')) AS _2, timestamp AS _t
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 25
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
)
ORDER BY _t DESC
LIMIT 1000
SETTINGS use_top_k_dynamic_filtering = 0, output_format_csv_crlf_end_of_line = 1
;
SELECT _0 AS `timestamp`, _1 AS `body`, _2 AS `attributes.status` FROM (
SELECT timestamp AS _0, if(match(toString(body), '^[-=+@\\t\\r]'), concat('\'', toString(body)), toString(body)) AS _1, if(match(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), ''), '^[-=+@\\t\\r]'), concat('\'', ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')) AS _2, timestamp AS _t FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration` FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`, xxh3(concat(reinterpretAsFixedString(toUnixTimestamp64Nano(timestamp)), reinterpretAsFixedString(severity_number), trace_id, span_id, reinterpretAsFixedString(xxh3(service)), reinterpretAsFixedString(xxh3(body)), reinterpretAsFixedString(xxh3(event_name)), reinterpretAsFixedString(xxh3(resource)), reinterpretAsFixedString(toUInt64(arraySum(arrayMap((k, v) -> if(k IN ('http.route'), 0, xxh3(concat(k, '\0s', v))), mapKeys(attributes_string), mapValues(attributes_string))) + arraySum(arrayMap((k, v) -> if(k IN ('status'), 0, xxh3(concat(k, '\0i', reinterpretAsFixedString(v)))), mapKeys(attributes_int), mapValues(attributes_int))) + if(isNull(`s_http_route`), 0, xxh3(concat('http.route', '\0s', assumeNotNull(`s_http_route`)))) + if(isNull(`i_status`), 0, xxh3(concat('status', '\0i', reinterpretAsFixedString(assumeNotNull(`i_status`))))) + if(isNull(`f_duration`), 0, xxh3(concat('duration', '\0f', reinterpretAsFixedString(assumeNotNull(`f_duration`))))))))) AS _hash FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 24
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 24
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour = 24
  AND timestamp < fromUnixTimestamp64Nano(86400000000001, 'UTC')
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour = 24
  AND timestamp < fromUnixTimestamp64Nano(86400000000001, 'UTC')
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
)
)
WHERE _hash % 4 = 3
)
)
ORDER BY _t DESC
LIMIT 1000
SETTINGS use_top_k_dynamic_filtering = 0, output_format_csv_crlf_end_of_line = 1
