SELECT k0, k1, c, sum(c) OVER (PARTITION BY k0) AS beside, m0, m1 FROM (
SELECT k0, k1, count() AS c, (countIf(x0 IS NOT NULL AND isFinite(x0)), minIf(x0, x0 IS NOT NULL AND isFinite(x0)), maxIf(x0, x0 IS NOT NULL AND isFinite(x0)), avgIf(x0, x0 IS NOT NULL AND isFinite(x0)), sumIf(x0, x0 IS NOT NULL AND isFinite(x0)), sumIf(x0 * x0, x0 IS NOT NULL AND isFinite(x0))) AS m0, argMaxIf(x1, at, x1 != '') AS m1 FROM (
SELECT ifNull(`s_http_route`, '') AS k0, intDiv(toUnixTimestamp64Nano(timestamp) + 3599999999995, 3600000000000) * 3600000000000 - 3599999999995 AS k1, multiIf(mapContains(attributes_string, 'status'), toFloat64OrNull(attributes_string['status']), isNotNull(`i_status`), toFloat64(`i_status`), NULL) AS x0, ifNull(toString(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), '') AS x1, timestamp AS at
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
UNION ALL
SELECT ifNull(`s_http_route`, '') AS k0, intDiv(toUnixTimestamp64Nano(timestamp) + 3599999999995, 3600000000000) * 3600000000000 - 3599999999995 AS k1, multiIf(mapContains(attributes_string, 'status'), toFloat64OrNull(attributes_string['status']), isNotNull(`i_status`), toFloat64(`i_status`), NULL) AS x0, ifNull(toString(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), '') AS x1, timestamp AS at
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
)
WHERE k0 != '' AND (k0) IN (
SELECT k0 FROM (
SELECT k0, count() AS c, if(countIf(o IS NOT NULL AND isFinite(o)) = 0, NULL, avgIf(o, o IS NOT NULL AND isFinite(o))) AS om FROM (
SELECT ifNull(`s_http_route`, '') AS k0, multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) AS o
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
UNION ALL
SELECT ifNull(`s_http_route`, '') AS k0, multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) AS o
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
)
WHERE k0 != ''
GROUP BY k0
)
ORDER BY om DESC, k0
LIMIT 5
)
GROUP BY k0, k1
HAVING c >= 2
)
ORDER BY k0, k1, k1
LIMIT 1000 BY k0
LIMIT 100000
