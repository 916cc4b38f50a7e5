SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (`s_http_route` = '/pay' OR (startsWith(JSON_QUERY(resource, '$."http.route"'), '["') AND NOT (isNotNull(`s_http_route`)) AND JSONExtractString(JSON_QUERY(resource, '$."http.route"'), 1) = '/pay') OR (match(JSON_QUERY(resource, '$."http.route"'), '^\\[[\\[{]') AND NOT (isNotNull(`s_http_route`)) AND substring(JSON_QUERY(resource, '$."http.route"'), 2, length(JSON_QUERY(resource, '$."http.route"')) - 2) = '/pay'))
GROUP BY trace_id
)
