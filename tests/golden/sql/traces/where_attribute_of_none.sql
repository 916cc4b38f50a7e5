SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND NOT ifNull((startsWith(JSON_QUERY(resource, '$."never"'), '["') OR match(JSON_QUERY(resource, '$."never"'), '^\\[-?[0-9]+\\]$') OR match(JSON_QUERY(resource, '$."never"'), '^\\[-?[0-9]+[.eE]') OR JSON_QUERY(resource, '$."never"') IN ('[true]', '[false]') OR match(JSON_QUERY(resource, '$."never"'), '^\\[[\\[{]')), 0)
GROUP BY trace_id
)
