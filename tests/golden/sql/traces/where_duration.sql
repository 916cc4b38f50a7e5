SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (duration_class >= 122 AND duration > 1500000000)
  AND (duration_class <= 143 AND duration <= 60000000000)
GROUP BY trace_id
)
