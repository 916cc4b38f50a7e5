SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND arrayExists((_en) -> ifNull(_en = 'exception', 0), events_name)
  AND (arrayExists((_ea) -> ifNull(position(_ea, '"exception.type"') > 0 AND startsWith(JSON_QUERY(_ea, '$."exception.type"'), '["'), 0), events_attributes) OR arrayExists((_ea) -> ifNull(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[-?[0-9]+\\]$'), 0), events_attributes) OR arrayExists((_ea) -> ifNull(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[-?[0-9]+[.eE]'), 0), events_attributes) OR arrayExists((_ea) -> ifNull(position(_ea, '"exception.type"') > 0 AND JSON_QUERY(_ea, '$."exception.type"') IN ('[true]', '[false]'), 0), events_attributes) OR arrayExists((_ea) -> ifNull(position(_ea, '"exception.type"') > 0 AND match(JSON_QUERY(_ea, '$."exception.type"'), '^\\[[\\[{]'), 0), events_attributes))
  AND arrayExists((_ls) -> ifNull(lower(hex(_ls)) = '0001020304050607', 0), links_span_id)
GROUP BY trace_id
)
