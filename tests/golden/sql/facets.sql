SELECT * FROM (
SELECT 'severity' AS f, value, c, sum(c) OVER () AS n FROM (
SELECT transform(intDiv(v + 3, 4), [0, 1, 2, 3, 4, 5, 6], ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unset') AS value, sum(c) AS c FROM (
SELECT severity_number AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
GROUP BY value
)
ORDER BY c DESC, value
LIMIT 11
)
UNION ALL
SELECT * FROM (
SELECT 'status' AS f, value, c, sum(c) OVER () AS n FROM (
SELECT ifNull(toString(v), '') AS value, sum(c) AS c FROM (
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
GROUP BY value
)
WHERE value != ''
ORDER BY c DESC, value
LIMIT 11
)
UNION ALL
SELECT * FROM (
SELECT 'host.name' AS f, value, c, sum(c) OVER () AS n FROM (
SELECT ifNull(toString(JSONExtractString(v, 1)), '') AS value, sum(c) AS c FROM (
SELECT JSON_QUERY(resource, '$."host.name"') AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
GROUP BY value
)
WHERE value != ''
ORDER BY c DESC, value
LIMIT 11
)
