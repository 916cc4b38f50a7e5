SELECT lower(hex(trace_id)), max(t) AS n, count() FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 846
  AND slot < 851
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
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
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
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
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
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
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
UNION ALL
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1')
)
GROUP BY trace_id
ORDER BY n DESC, trace_id
LIMIT 20
;
WITH arraySort(x -> (x.4, x.1), groupArrayIf((lower(hex(substring(ids, 1, 8))), toString(name), toString(service), t, d, k0), m)) AS every, arrayFilter((x, n) -> n = 1, every, arrayEnumerateUniq(arrayMap(x -> x.1, every))) AS spans
SELECT lower(hex(trace_id)), if(countIf(root) = 0, '', toString(argMinIf(service, (t, ids), root))), if(countIf(root) = 0, '', toString(argMinIf(name, (t, ids), root))), min(t), max(e) - min(t), count(), countIf(f), sumMap(map(toString(service), 1)), sumMap(map(toString(service), toUInt64(f))), length(spans), arraySlice(spans, 1, 3) FROM (
SELECT * FROM (
SELECT trace_id, ids, kind, toUnixTimestamp64Nano(timestamp) AS t, toUnixTimestamp64Nano(timestamp) + toInt64(duration) AS e, root, name, service, status = 2 AS f, duration AS d, ifNull(toUnixTimestamp64Nano(timestamp) >= 90000000000005 AND toUnixTimestamp64Nano(timestamp) < 255599999999995 AND (`s_http_route` = '/pay' OR `s_user_id` = 'u1'), 0) AS m, concat('s', `s_http_route`) AS k0
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
)
ORDER BY m DESC, t
LIMIT 1 BY trace_id, ids, kind
)
GROUP BY trace_id
SETTINGS use_skip_indexes_on_data_read = 0
