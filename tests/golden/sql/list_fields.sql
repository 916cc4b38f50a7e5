SELECT kind, name, type, n FROM (
SELECT * FROM (
SELECT 'column' AS kind, 'timestamp' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'body' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'severity' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'service' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'event_name' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND event_name != ''
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'trace_id' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND trace_id != toFixedString('', 16)
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'span_id' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND span_id != toFixedString('', 8)
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'scope_name' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND scope_name != ''
)
)
UNION ALL
SELECT * FROM (
SELECT 'column' AS kind, 'scope_version' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND scope_version != ''
)
)
UNION ALL
SELECT * FROM (
SELECT 'attribute' AS kind, 'http.route' AS name, 'string' AS type, sum(c) AS n FROM (
SELECT count(`s_http_route`) AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'attribute' AS kind, 'status' AS name, 'int' AS type, sum(c) AS n FROM (
SELECT count(`i_status`) AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'attribute' AS kind, 'duration' AS name, 'float' AS type, sum(c) AS n FROM (
SELECT count(`f_duration`) AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
)
UNION ALL
SELECT * FROM (
SELECT 'attribute', toString(k), 'string', sum(c) AS n FROM (
SELECT arrayJoin(arrayFilter(k -> k NOT IN ('http.route'), mapKeys(attributes_string))) AS k, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND notEmpty(attributes_string)
GROUP BY k
)
GROUP BY k
ORDER BY n DESC
LIMIT 1000
)
UNION ALL
SELECT * FROM (
SELECT 'attribute', toString(k), 'int', sum(c) AS n FROM (
SELECT arrayJoin(arrayFilter(k -> k NOT IN ('status'), mapKeys(attributes_int))) AS k, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND notEmpty(attributes_int)
GROUP BY k
)
GROUP BY k
ORDER BY n DESC
LIMIT 1000
)
UNION ALL
SELECT * FROM (
SELECT 'resource', arrayJoin(JSONExtractKeys(toString(resource))) AS k, 'string', sum(c) AS n FROM (
SELECT resource, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY resource
)
GROUP BY k
ORDER BY n DESC
LIMIT 1000
)
)
WHERE n > 0
ORDER BY kind, n DESC, name
