SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (service != '' AND service = 'cart')
  AND ((startsWith(JSON_QUERY(resource, '$."host.name"'), '["') AND match(JSON_VALUE(resource, '$."host.name"'), '^(?-s:node-.*)$')) OR (match(JSON_QUERY(resource, '$."host.name"'), '^\\[[\\[{]') AND match(substring(JSON_QUERY(resource, '$."host.name"'), 2, length(JSON_QUERY(resource, '$."host.name"')) - 2), '^(?-s:node-.*)$')))
GROUP BY trace_id
)
