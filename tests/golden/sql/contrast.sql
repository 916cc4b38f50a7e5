SELECT * FROM (
SELECT name, value, a, b, of_a, of_b, distinct FROM (
SELECT name, value, a, b, sum(a) OVER (PARTITION BY name) AS of_a, sum(b) OVER (PARTITION BY name) AS of_b, count() OVER (PARTITION BY name) AS distinct, row_number() OVER (PARTITION BY name ORDER BY a DESC, value) AS rank_a, row_number() OVER (PARTITION BY name ORDER BY b DESC, value) AS rank_b FROM (
SELECT 'severity' AS name, value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT ifNull(toString(transform(intDiv(v + 3, 4), [0, 1, 2, 3, 4, 5, 6], ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unset')), '') AS value, c, 0 AS side FROM (
SELECT severity_number AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
GROUP BY v
UNION ALL
SELECT severity_number AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
GROUP BY v
)
UNION ALL
SELECT ifNull(toString(transform(intDiv(v + 3, 4), [0, 1, 2, 3, 4, 5, 6], ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unset')), '') AS value, c, 1 AS side FROM (
SELECT severity_number AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
)
WHERE value != ''
GROUP BY value
)
)
WHERE rank_a <= 20 OR rank_b <= 20
)
UNION ALL
SELECT * FROM (
SELECT name, value, a, b, of_a, of_b, distinct FROM (
SELECT name, value, a, b, sum(a) OVER (PARTITION BY name) AS of_a, sum(b) OVER (PARTITION BY name) AS of_b, count() OVER (PARTITION BY name) AS distinct, row_number() OVER (PARTITION BY name ORDER BY a DESC, value) AS rank_a, row_number() OVER (PARTITION BY name ORDER BY b DESC, value) AS rank_b FROM (
SELECT 'status' AS name, value, sumIf(c, side = 0) AS a, sumIf(c, side = 1) AS b FROM (
SELECT ifNull(toString(v), '') AS value, c, 0 AS side FROM (
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
GROUP BY v
UNION ALL
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
GROUP BY v
)
UNION ALL
SELECT ifNull(toString(v), '') AS value, c, 1 AS side FROM (
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY v
)
)
WHERE value != ''
GROUP BY value
)
)
WHERE rank_a <= 20 OR rank_b <= 20
)
