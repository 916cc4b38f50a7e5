SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (pending > 172800 OR (pending = 0 AND commit_id < 9223374935974477824))
GROUP BY trace_id
)
