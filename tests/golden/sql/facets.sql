SELECT * FROM (
SELECT 'severity' AS f, toString(transform(intDiv(toUInt8(v) + 3, 4), [0, 1, 2, 3, 4, 5, 6], ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unset')) AS value, c, sum(c) OVER () AS n FROM (
SELECT intDiv(v + 3, 4) * 4 AS v, sum(c) AS c FROM (
SELECT severity_number AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
GROUP BY v
)
ORDER BY c DESC, value
LIMIT 11
)
UNION ALL
SELECT * FROM (
SELECT 'status' AS f, toString(v) AS value, c, sum(c) OVER () AS n FROM (
SELECT v, sum(c) AS c FROM (
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
WHERE toString(ifNull(v, '')) != ''
GROUP BY v
)
ORDER BY c DESC, value
LIMIT 11
)
UNION ALL
SELECT * FROM (
SELECT 'host.name' AS f, toString(JSONExtractString(concat('[', v, ']'), 1)) AS value, c, sum(c) OVER () AS n FROM (
SELECT v, sum(c) AS c FROM (
SELECT extract(resource, '^\\{(?:"(?:[^"\\\\]|\\\\.)*":(?:(?:"(?:[^"\\\\]|\\\\.)*"|[^,{}\\[\\]"]+)|\\{[^{}]*\\}|\\[[^\\[\\]]*\\]),)*"host\\.name":((?:(?:"(?:[^"\\\\]|\\\\.)*"|[^,{}\\[\\]"]+)|\\{[^{}]*\\}|\\[[^\\[\\]]*\\]))') AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
WHERE toString(ifNull(v, '')) != ''
GROUP BY v
)
ORDER BY c DESC, value
LIMIT 11
)
