SELECT toInt64(b), CAST(any(sv), 'String'), CAST(any(rv), 'String'), toUInt8(n), toUInt64(0), toUInt64(sum(c)), toUInt64(0), '', CAST(ifNull(l0, ''), 'String'), '', CAST(ifNull(l2, ''), 'String') FROM (
SELECT -5 + 3600000000000 * intDiv(toUnixTimestamp64Nano(timestamp) + 3600000000004, 3600000000000) AS b, cityHash64(service) AS s, cityHash64(resource) AS r, severity_number AS n, ifNull(toString(`s_http_route`), '') AS l0, if(trace_id = toFixedString('', 16), '', lower(hex(trace_id))) AS l2, count() AS c, any(service) AS sv, any(resource) AS rv
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b, s, r, n, l0, l2
)
GROUP BY b, s, r, n, l0, l2
HAVING sum(c) > 0
