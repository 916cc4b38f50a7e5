SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND `s_user_id` = 'u1'
  AND (mapContains(attributes_int, 'user.id') AND attributes_int['user.id'] != 5)
GROUP BY trace_id
)
