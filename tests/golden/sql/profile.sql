SELECT kind, name, value, a, b, of_a, of_b, distinct FROM (
SELECT kind, name, value, a, b, sum(a) OVER (PARTITION BY kind, name) AS of_a, sum(b) OVER (PARTITION BY kind, name) AS of_b, count() OVER (PARTITION BY kind, name) AS distinct, row_number() OVER (PARTITION BY kind, name ORDER BY a DESC, value) AS rank_a, row_number() OVER (PARTITION BY kind, name ORDER BY b DESC, value) AS rank_b FROM (
SELECT kind, name, value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT p.1 AS kind, p.2 AS name, p.3 AS value, c, 0 AS side FROM (
SELECT arrayJoin(arrayConcat([('', '', ''), ('column', 'service', toString(service)), ('column', 'severity', toString(severity)), ('column', 'event_name', toString(event_name)), ('column', 'scope_name', toString(scope_name)), ('column', 'scope_version', toString(scope_version)), ('column', 'template_id', toString(leftPad(lower(hex(template_id)), 16, '0'))), ('attribute', 'http.route', ifNull(toString(`s_http_route`), '')), ('attribute', 'status', ifNull(toString(`i_status`), '')), ('attribute', 'duration', ifNull(toString(`f_duration`), ''))], arrayMap((k, v) -> ('attribute', toString(k), if(k IN ('http.route'), '', toString(v))), mapKeys(attributes_string), mapValues(attributes_string)), arrayMap((k, v) -> ('attribute', toString(k), if(k IN ('status'), '', toString(v))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND severity = 'error'
GROUP BY p
)
UNION ALL
SELECT 'resource', p.1 AS key, if(startsWith(p.2, '"'), JSONExtractString(concat('[', p.2, ']'), 1), p.2) AS text, c, 0 FROM (
SELECT arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT resource, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND severity = 'error'
GROUP BY resource
)
)
UNION ALL
SELECT p.1 AS kind, p.2 AS name, p.3 AS value, c, 1 AS side FROM (
SELECT arrayJoin(arrayConcat([('', '', ''), ('column', 'service', toString(service)), ('column', 'severity', toString(severity)), ('column', 'event_name', toString(event_name)), ('column', 'scope_name', toString(scope_name)), ('column', 'scope_version', toString(scope_version)), ('column', 'template_id', toString(leftPad(lower(hex(template_id)), 16, '0'))), ('attribute', 'http.route', ifNull(toString(`s_http_route`), '')), ('attribute', 'status', ifNull(toString(`i_status`), '')), ('attribute', 'duration', ifNull(toString(`f_duration`), ''))], arrayMap((k, v) -> ('attribute', toString(k), if(k IN ('http.route'), '', toString(v))), mapKeys(attributes_string), mapValues(attributes_string)), arrayMap((k, v) -> ('attribute', toString(k), if(k IN ('status'), '', toString(v))), mapKeys(attributes_int), mapValues(attributes_int)))) AS p, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND intHash64(_part_offset) % 40 = 0
GROUP BY p
)
UNION ALL
SELECT 'resource', p.1 AS key, if(startsWith(p.2, '"'), JSONExtractString(concat('[', p.2, ']'), 1), p.2) AS text, c, 1 FROM (
SELECT arrayJoin(JSONExtractKeysAndValuesRaw(toString(resource))) AS p, c FROM (
SELECT resource, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND intHash64(_part_offset) % 40 = 0
GROUP BY resource
)
)
)
WHERE (value != '' OR kind = '') AND NOT (kind = 'resource' AND name = 'service.name')
GROUP BY kind, name, value
)
)
WHERE rank_a <= 50 OR rank_b <= 50
