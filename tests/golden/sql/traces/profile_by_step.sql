SELECT * FROM (
SELECT 86400000000000 + i * 3600000000000 AS t, kind, name, value AS v, a, b FROM (
SELECT i, kind, name, value, a, b, dense_rank() OVER (PARTITION BY kind, name ORDER BY total_a DESC, value) AS rank_a, dense_rank() OVER (PARTITION BY kind, name ORDER BY total_b DESC, value) AS rank_b FROM (
SELECT i, kind, name, value, a, b, sum(a) OVER (PARTITION BY kind, name, value) AS total_a, sum(b) OVER (PARTITION BY kind, name, value) AS total_b FROM (
SELECT i, kind, name, typed AS value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 0 AS side FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 0 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, resource
)
)
WHERE name != 'service.name'
UNION ALL
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 1 AS side FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 1 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY i, resource
)
)
WHERE name != 'service.name'
)
WHERE typed != '' AND kind != ''
GROUP BY i, kind, name, typed
)
)
)
WHERE rank_a <= 50 OR rank_b <= 50

UNION ALL
SELECT 86400000000000 + i * 3600000000000 AS t, kind, name, '' AS v, sum(a) AS a, sum(b) AS b FROM (
SELECT i, kind, name, typed AS value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 0 AS side FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 0 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, resource
)
)
WHERE name != 'service.name'
UNION ALL
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 1 AS side FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 1 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY i, resource
)
)
WHERE name != 'service.name'
)
WHERE typed != '' AND kind != ''
GROUP BY i, kind, name, typed
)
GROUP BY t, kind, name
)
ORDER BY kind, name, v, t
