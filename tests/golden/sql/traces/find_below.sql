SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 834
  AND slot < 851
  AND (status = 2 OR `s_http_route` = '/pay')
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND (status = 2 OR `s_http_route` = '/pay')
)
GROUP BY trace_id
HAVING n >= 253800000000000 AND n < 255599999999995 AND (bitAnd(groupBitOr(l), 3) = 3)
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 787
  AND slot < 851
  AND (status = 2 OR `s_http_route` = '/pay')
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND (status = 2 OR `s_http_route` = '/pay')
)
GROUP BY trace_id
HAVING n >= 239700000000000 AND n < 253800000000000 AND (bitAnd(groupBitOr(l), 3) = 3)
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 418
  AND slot < 811
  AND (status = 2 OR `s_http_route` = '/pay')
)
GROUP BY trace_id
HAVING n >= 129000000000000 AND n < 239700000000000 AND (bitAnd(groupBitOr(l), 3) = 3)
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND slot >= 301
  AND slot < 442
  AND (status = 2 OR `s_http_route` = '/pay')
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)) AS l
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND (status = 2 OR `s_http_route` = '/pay')
)
GROUP BY trace_id
HAVING n >= 90000000000005 AND n < 129000000000000 AND (bitAnd(groupBitOr(l), 3) = 3)
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT trace_id, span_id, parent_span_id, t, duration, l, v, k FROM (
SELECT trace_id, span_id, parent_span_id, toUnixTimestamp64Nano(timestamp) AS t, duration, if(toUnixTimestamp64Nano(timestamp) >= 90000000000005 AND toUnixTimestamp64Nano(timestamp) < 255599999999995, bitOr(bitShiftLeft(toUInt64(ifNull(status = 2, 0)), 0), bitShiftLeft(toUInt64(ifNull(`s_http_route` = '/pay', 0)), 1)), toUInt64(0)) AS l, CAST([], 'Array(Nullable(Float64))') AS v, CAST([], 'Array(Nullable(String))') AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
)
ORDER BY position('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', lower(hex(trace_id))), t, span_id
LIMIT 1 BY trace_id, span_id
;
SELECT lower(hex(trace_id)), if(countIf(root) = 0, '', toString(argMinIf(service, (t, ids), root))), if(countIf(root) = 0, '', toString(argMinIf(name, (t, ids), root))), min(t), max(e) - min(t), count(), countIf(f), sumMap(map(toString(service), 1)), sumMap(map(toString(service), toUInt64(f))) FROM (
SELECT * FROM (
SELECT trace_id, ids, kind, toUnixTimestamp64Nano(timestamp) AS t, toUnixTimestamp64Nano(timestamp) + toInt64(duration) AS e, root, name, service, status = 2 AS f
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
)
LIMIT 1 BY trace_id, ids, kind
)
GROUP BY trace_id
;
SELECT * FROM (
SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(name) AS n, toString(service) AS s, toUnixTimestamp64Nano(timestamp) AS t, duration AS d, concat('t', arrayElement(['unset', 'ok', 'error'], toUInt16(status) + 1)) AS k0, concat('s', `s_http_route`) AS k1
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
  AND (trace_id, span_id) IN (SELECT toFixedString(substring(x, 1, 16), 16), toFixedString(substring(x, 17, 8), 8) FROM (SELECT arrayJoin(arrayMap(i -> substring(base64Decode('AAECAwQFBgcICQoLDA0ODwAAAAAAAAAA'), 1 + 24 * i, 24), range(1))) AS x))
)
ORDER BY t
LIMIT 1 BY trace, span
