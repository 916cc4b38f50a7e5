SELECT toInt64(0), CAST(s, 'String'), CAST(r, 'String'), toUInt8(0), toUInt64(0), toUInt64(sum(c)), toUInt64(sum(y)), '' FROM (
SELECT service AS s, resource AS r, count() AS c, sum(length(body)) AS y
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY s, r
)
GROUP BY s, r
HAVING sum(c) > 0
