SELECT toInt64(b), CAST(any(sv), 'String'), '', toUInt8(0), toUInt64(0), toUInt64(sum(c)), toUInt64(sum(y)), '' FROM (
SELECT -5 + 3600000000000 * intDiv(toUnixTimestamp64Nano(timestamp) + 3600000000004, 3600000000000) AS b, cityHash64(service) AS s, count() AS c, any(service) AS sv, sum(length(body)) AS y
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b, s
)
GROUP BY b, s
HAVING sum(c) > 0
