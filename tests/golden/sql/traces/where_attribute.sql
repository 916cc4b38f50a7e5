SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND `s_http_route` = '/pay'
GROUP BY trace_id
)
