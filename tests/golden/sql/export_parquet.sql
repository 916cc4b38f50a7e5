SELECT [sum(c0_f)] FROM (
SELECT countIf(isNotNull(`f_duration`)) AS c0_f
FROM nexus.logs
WHERE tenant = 'acme'
)
;
SELECT b, sum(c) FROM (
SELECT intDiv(hour, 24) AS b, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b
)
GROUP BY b
ORDER BY b DESC
;
SELECT _0 AS `n`, _1 AS `attributes` FROM (
SELECT CAST(toFloat64OrNull(toString(`f_duration`)), 'Nullable(Float64)') AS _0, mapUpdate(mapApply((k, v) -> (toString(k), toString(v)), attributes_int), mapUpdate(mapApply((k, v) -> (toString(k), v), attributes_string), mapFromArrays(arrayMap(p -> p.1, arrayFilter(p -> p.3, [('http.route', ifNull(toString(`s_http_route`), ''), isNotNull(`s_http_route`)), ('status', ifNull(toString(`i_status`), ''), isNotNull(`i_status`)), ('duration', ifNull(toString(`f_duration`), ''), isNotNull(`f_duration`))])), arrayMap(p -> p.2, arrayFilter(p -> p.3, [('http.route', ifNull(toString(`s_http_route`), ''), isNotNull(`s_http_route`)), ('status', ifNull(toString(`i_status`), ''), isNotNull(`i_status`)), ('duration', ifNull(toString(`f_duration`), ''), isNotNull(`f_duration`))]))))) AS _1, timestamp AS _t
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 25
)
ORDER BY _t DESC
LIMIT 1000
SETTINGS use_top_k_dynamic_filtering = 0, output_format_arrow_compression_method = 'none'
;
SELECT _0 AS `n`, _1 AS `attributes` FROM (
SELECT CAST(toFloat64OrNull(toString(`f_duration`)), 'Nullable(Float64)') AS _0, mapUpdate(mapApply((k, v) -> (toString(k), toString(v)), attributes_int), mapUpdate(mapApply((k, v) -> (toString(k), v), attributes_string), mapFromArrays(arrayMap(p -> p.1, arrayFilter(p -> p.3, [('http.route', ifNull(toString(`s_http_route`), ''), isNotNull(`s_http_route`)), ('status', ifNull(toString(`i_status`), ''), isNotNull(`i_status`)), ('duration', ifNull(toString(`f_duration`), ''), isNotNull(`f_duration`))])), arrayMap(p -> p.2, arrayFilter(p -> p.3, [('http.route', ifNull(toString(`s_http_route`), ''), isNotNull(`s_http_route`)), ('status', ifNull(toString(`i_status`), ''), isNotNull(`i_status`)), ('duration', ifNull(toString(`f_duration`), ''), isNotNull(`f_duration`))]))))) AS _1, timestamp AS _t FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration` FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`, xxh3(concat(reinterpretAsFixedString(toUnixTimestamp64Nano(timestamp)), reinterpretAsFixedString(severity_number), trace_id, span_id, reinterpretAsFixedString(xxh3(service)), reinterpretAsFixedString(xxh3(body)), reinterpretAsFixedString(xxh3(event_name)), reinterpretAsFixedString(xxh3(resource)), reinterpretAsFixedString(toUInt64(arraySum(arrayMap((k, v) -> if(k IN ('http.route'), 0, xxh3(concat(k, '\0s', v))), mapKeys(attributes_string), mapValues(attributes_string))) + arraySum(arrayMap((k, v) -> if(k IN ('status'), 0, xxh3(concat(k, '\0i', reinterpretAsFixedString(v)))), mapKeys(attributes_int), mapValues(attributes_int))) + if(isNull(`s_http_route`), 0, xxh3(concat('http.route', '\0s', assumeNotNull(`s_http_route`)))) + if(isNull(`i_status`), 0, xxh3(concat('status', '\0i', reinterpretAsFixedString(assumeNotNull(`i_status`))))) + if(isNull(`f_duration`), 0, xxh3(concat('duration', '\0f', reinterpretAsFixedString(assumeNotNull(`f_duration`))))))))) AS _hash FROM (
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour < 24
UNION ALL
SELECT timestamp, observed_timestamp, service, severity_number, body, trace_id, span_id, event_name, template_id, resource, scope_name, scope_version, attributes_string, attributes_int, `s_http_route`, `i_status`, `f_duration`
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour = 24
  AND timestamp < fromUnixTimestamp64Nano(86400000000001, 'UTC')
)
)
WHERE _hash % 4 = 3
)
)
ORDER BY _t DESC
LIMIT 1000
SETTINGS use_top_k_dynamic_filtering = 0, output_format_arrow_compression_method = 'none'
