SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (`s_http_route` = '/pay' OR (JSON_VALUE(resource, '$."http.route"') = '/pay' AND startsWith(JSON_QUERY(resource, '$."http.route"'), '["') AND NOT (isNotNull(`s_http_route`))))
GROUP BY trace_id
)
