SELECT kind, name, value, a, b, of_a, of_b, distinct FROM (
SELECT kind, name, value, a, b, sum(a) OVER (PARTITION BY kind, name) AS of_a, sum(b) OVER (PARTITION BY kind, name) AS of_b, count() OVER (PARTITION BY kind, name) AS distinct, row_number() OVER (PARTITION BY kind, name ORDER BY a DESC, value) AS rank_a, row_number() OVER (PARTITION BY kind, name ORDER BY b DESC, value) AS rank_b FROM (
SELECT kind, name, substring(typed, 2) AS value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 0 AS side FROM (
SELECT 0 AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 0 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT 0 AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
GROUP BY i, resource
)
)
WHERE name != 'service.name'
UNION ALL
SELECT i, p.1 AS kind, p.2 AS name, p.3 AS typed, c, 1 AS side FROM (
SELECT 0 AS i, arrayJoin(arrayConcat([('', '', 's'), ('intrinsic', 'name', ifNull(toString(concat('s', name)), '')), ('intrinsic', 'kind', ifNull(toString(concat('k', arrayElement(['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'], toUInt16(kind) + 1))), '')), ('intrinsic', 'status', ifNull(toString(concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1))), '')), ('intrinsic', 'statusMessage', ifNull(toString(concat('s', status_message)), '')), ('intrinsic', 'service', ifNull(toString(multiIf(service != '', concat('s', service), NULL)), '')), ('intrinsic', 'instrumentation:name', ifNull(toString(multiIf(scope_name != '', concat('s', scope_name), NULL)), '')), ('intrinsic', 'instrumentation:version', ifNull(toString(multiIf(scope_version != '', concat('s', scope_version), NULL)), '')), ('span', 'http.route', ifNull(concat('s', toString(`s_http_route`)), '')), ('span', 'http.response.status_code', ifNull(concat('i', toString(`i_http_response_status_code`)), '')), ('span', 'user.id', ifNull(concat('s', toString(`s_user_id`)), ''))], arrayMap((k, v) -> ('span', toString(k), if(k IN ('http.response.status_code'), '', concat('i', toString(v)))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND intHash64(_part_offset) % 40 = 0
GROUP BY i, p
)
UNION ALL
SELECT i, 'resource' AS kind, p.1 AS name, multiIf(startsWith(p.2, '"'), concat('s', JSONExtractString(concat('[', p.2, ']'), 1)), p.2 IN ('true', 'false'), concat('b', p.2), match(p.2, '^-?[0-9]+$'), concat('i', p.2), match(p.2, '^-?[0-9]'), concat('f', p.2), concat('s', p.2)) AS typed, c, 1 AS side FROM (
SELECT i, arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT 0 AS i, resource, sum(weight) AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND intHash64(_part_offset) % 40 = 0
GROUP BY i, resource
)
)
WHERE name != 'service.name'
)
WHERE length(typed) > 1 OR kind = ''
GROUP BY kind, name, value
)
)
WHERE rank_a <= 50 OR rank_b <= 50
ORDER BY kind, name, a DESC, value
