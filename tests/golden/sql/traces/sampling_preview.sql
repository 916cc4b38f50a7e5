SELECT r, sum(t), sum(s) FROM (
SELECT trace_id, toUInt8(multiIf(max(ifNull(_w0, 0)), 0, max(ifNull(_w1, 0)), 1, max(ifNull(_w2 AND (kind = 2 OR root) AND _based = 1 AND duration > _slow_2, 0)), 2, 3)) AS r, max(w) AS t, sum(w) AS s
FROM (
SELECT trace_id, service, name, kind, root, duration, weight AS w, ifNull(status = 2, 0) AS _w0, ifNull(((`s_http_route` = '/pay' OR (JSON_VALUE(resource, '$."http.route"') = '/pay' AND startsWith(JSON_QUERY(resource, '$."http.route"'), '["') AND NOT (isNotNull(`s_http_route`)))) AND _trace_duration > 2000000000), 0) AS _w1, ifNull(1, 0) AS _w2
FROM nexus.spans
ANY LEFT JOIN (SELECT trace_id AS _dt, max(b + toInt64(duration)) - min(b) AS _trace_duration FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS b, duration
FROM nexus.spans
WHERE tenant = 'acme'
) GROUP BY trace_id) AS _d ON trace_id = _dt
WHERE tenant = 'acme'
) AS _i
ANY LEFT JOIN (
SELECT service AS _bs, name AS _bn, 1 AS _based, if(count() >= 100.0000, quantileDD(0.01, 0.99)(duration), inf) AS _slow_2
FROM (
SELECT service, name, duration
FROM nexus.spans
WHERE tenant = 'acme'
  AND (kind = 2 OR root)
)
GROUP BY service, name
) AS _b ON service = _bs AND name = _bn
GROUP BY trace_id
)
GROUP BY r
ORDER BY r
