SELECT count(), quantilesExact(0.9, 1.0)(duration) FROM (
SELECT duration
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
)
;
SELECT lower(hex(trace_id)), max(t) FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
  AND duration BETWEEN 10 AND 20
)
GROUP BY trace_id
ORDER BY sipHash64(trace_id)
LIMIT 100
;
SELECT trace_id, span_id, parent_span_id, n, kind, t, duration, s, m FROM (
SELECT trace_id, span_id, parent_span_id, toString(name) AS n, kind, toUnixTimestamp64Nano(timestamp) AS t, duration, toString(service) AS s, toUInt8(ifNull(toUnixTimestamp64Nano(timestamp) >= 86400000000000 AND toUnixTimestamp64Nano(timestamp) < 259200000000000 AND status = 2 AND duration BETWEEN 10 AND 20, 0)) AS m
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 612
  AND slot < 649
  AND trace_id IN (unhex('000102030405060708090a0b0c0d0e0f'), unhex('101112131415161718191a1b1c1d1e1f'))
)
ORDER BY trace_id, t, span_id
LIMIT 1 BY trace_id, span_id, kind
