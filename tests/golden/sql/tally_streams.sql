SELECT toInt64(0), CAST(any(sv), 'String'), CAST(any(rv), 'String'), toUInt8(0), toUInt64(0), toUInt64(sum(c)), toUInt64(sum(y)), '' FROM (
SELECT cityHash64(service) AS s, cityHash64(resource) AS r, count() AS c, any(service) AS sv, any(resource) AS rv, sum(length(body)) AS y
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY s, r
)
GROUP BY s, r
HAVING sum(c) > 0
