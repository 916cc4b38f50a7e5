SELECT k0, k1, k2, k3, c, sum(c) OVER (PARTITION BY k0, k1, k2) AS beside FROM (
SELECT k0, k1, k2, k3, count() AS c FROM (
SELECT toInt64(toUnixTimestamp(toDateTime(toStartOfWeek(toDateTime(timestamp, 'Europe/Berlin'), 1), 'Europe/Berlin'))) * 1000000000 AS k0, floor((multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) - 0.0) / 0.5) * 0.5 + 0.0 AS k1, arrayJoin(arrayFilter(n -> n >= 0, [if(ifNull((indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed')), 0), 0, -1), if(ifNull((mapContains(attributes_string, 'status') OR isNotNull(`i_status`)), 0), 1, -1)])) AS k2, if(service = '', 'none', service) AS k3
FROM nexus.logs
WHERE tenant = 'acme'
)
WHERE k1 IS NOT NULL AND (k0, k1, k2) IN (
SELECT k0, k1, k2 FROM (
SELECT k0, k1, k2, count() AS c FROM (
SELECT toInt64(toUnixTimestamp(toDateTime(toStartOfWeek(toDateTime(timestamp, 'Europe/Berlin'), 1), 'Europe/Berlin'))) * 1000000000 AS k0, floor((multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) - 0.0) / 0.5) * 0.5 + 0.0 AS k1, arrayJoin(arrayFilter(n -> n >= 0, [if(ifNull((indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed')), 0), 0, -1), if(ifNull((mapContains(attributes_string, 'status') OR isNotNull(`i_status`)), 0), 1, -1)])) AS k2
FROM nexus.logs
WHERE tenant = 'acme'
)
WHERE k1 IS NOT NULL AND (k0, k1) IN (
SELECT k0, k1 FROM (
SELECT k0, k1, count() AS c FROM (
SELECT toInt64(toUnixTimestamp(toDateTime(toStartOfWeek(toDateTime(timestamp, 'Europe/Berlin'), 1), 'Europe/Berlin'))) * 1000000000 AS k0, floor((multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) - 0.0) / 0.5) * 0.5 + 0.0 AS k1
FROM nexus.logs
WHERE tenant = 'acme'
)
WHERE k1 IS NOT NULL AND (k0) IN (
SELECT k0 FROM (
SELECT k0, count() AS c FROM (
SELECT toInt64(toUnixTimestamp(toDateTime(toStartOfWeek(toDateTime(timestamp, 'Europe/Berlin'), 1), 'Europe/Berlin'))) * 1000000000 AS k0
FROM nexus.logs
WHERE tenant = 'acme'
)
GROUP BY k0
)
ORDER BY k0, k0
LIMIT 10000
)
GROUP BY k0, k1
)
ORDER BY k0, k1, k1
LIMIT 10000 BY k0
LIMIT 100000
)
GROUP BY k0, k1, k2
)
ORDER BY k0, k1, k2, k2
LIMIT 10000 BY k0, k1
LIMIT 100000
)
GROUP BY k0, k1, k2, k3
)
ORDER BY k0, k1, k2, c DESC, k3
LIMIT 3 BY k0, k1, k2
LIMIT 100000
