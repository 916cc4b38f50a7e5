SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 846
  AND slot < 851
  AND `s_http_route` = '/pay'
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND `s_http_route` = '/pay'
)
GROUP BY trace_id
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 799
  AND slot < 846
  AND `s_http_route` = '/pay'
)
GROUP BY trace_id
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 430
  AND slot < 799
  AND `s_http_route` = '/pay'
)
GROUP BY trace_id
ORDER BY n DESC, trace_id
LIMIT 20
;
SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND slot >= 301
  AND slot < 430
  AND `s_http_route` = '/pay'
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND `s_http_route` = '/pay'
)
GROUP BY trace_id
ORDER BY n DESC, trace_id
LIMIT 20
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
SELECT *, count() OVER (PARTITION BY trace) FROM (
SELECT * FROM (
SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span, toString(name) AS n, toString(service) AS s, toUnixTimestamp64Nano(timestamp) AS t, duration AS d, concat('s', `s_http_route`) AS k0
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND `s_http_route` = '/pay'
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
)
ORDER BY t
LIMIT 1 BY trace, span
)
ORDER BY trace, t, span
LIMIT 3 BY trace
