SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND trace_id = unhex('000102030405060708090a0b0c0d0e0f')
  AND NOT ifNull(NOT root, 0)
GROUP BY trace_id
)
