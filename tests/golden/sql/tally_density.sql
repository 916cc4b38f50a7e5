SELECT toInt64(b), '', '', toUInt8(0), toUInt64(0), toUInt64(sum(c)), toUInt64(0), '' FROM (
SELECT 86399999999999 + 3600000000000 * (intDiv(toInt64(hour) - 24, 1) + 1) AS b, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b
)
GROUP BY b
HAVING sum(c) > 0
