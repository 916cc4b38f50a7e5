SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (mapContains(attributes_int, 'retries') AND attributes_int['retries'] > 3)
GROUP BY trace_id
)
