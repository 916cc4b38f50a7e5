SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
ANY LEFT JOIN (SELECT trace_id AS _rt, 1 AS _rooted, toString(argMin(name, timestamp)) AS _root_name, toString(argMin(service, timestamp)) AS _root_service FROM (
SELECT trace_id, timestamp, name, service
FROM nexus.spans
WHERE tenant = 'acme'
  AND root
) GROUP BY trace_id) AS _r ON trace_id = _rt
ANY LEFT JOIN (SELECT trace_id AS _dt, max(b + toInt64(duration)) - min(b) AS _trace_duration FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS b, duration
FROM nexus.spans
WHERE tenant = 'acme'
) GROUP BY trace_id) AS _d ON trace_id = _dt
ANY LEFT JOIN (SELECT trace_id AS _ct, parent_span_id AS _cp, toInt64(count()) AS _children FROM (
SELECT trace_id, parent_span_id
FROM nexus.spans
WHERE tenant = 'acme'
  AND NOT root
) GROUP BY trace_id, parent_span_id) AS _c ON trace_id = _ct AND span_id = _cp
WHERE tenant = 'acme'
  AND (_rooted AND _root_name = 'GET /')
  AND _trace_duration > 1000000000
  AND _children > 2
GROUP BY trace_id
)
