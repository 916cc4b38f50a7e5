SELECT sum(c0), sum(c1), sum(c2) FROM (
SELECT count(`s_http_route`) AS c0, count(`i_http_response_status_code`) AS c1, count(`s_user_id`) AS c2
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot >= 846
  AND slot < 851
  AND status = 2
UNION ALL
SELECT count(`s_http_route`) AS c0, count(`i_http_response_status_code`) AS c1, count(`s_user_id`) AS c2
FROM nexus.spans
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
)
;
SELECT DISTINCT place, name FROM (
SELECT * FROM (
SELECT 'span' AS place, 'http.response.status_code' AS name FROM (
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND (isNotNull(`i_http_response_status_code`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND (isNotNull(`i_http_response_status_code`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND (isNotNull(`i_http_response_status_code`))
LIMIT 1
) LIMIT 1
)
UNION ALL
SELECT * FROM (
SELECT 'span' AS place, 'user.id' AS name FROM (
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND (isNotNull(`s_user_id`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND (isNotNull(`s_user_id`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND (isNotNull(`s_user_id`))
LIMIT 1
) LIMIT 1
)
UNION ALL
SELECT * FROM (
SELECT 'span' AS place, toString(k) AS name FROM (
SELECT arrayJoin(mapKeys(attributes_int)) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND notEmpty(attributes_int)
GROUP BY k
UNION ALL
SELECT arrayJoin(mapKeys(attributes_int)) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND notEmpty(attributes_int)
GROUP BY k
UNION ALL
SELECT arrayJoin(mapKeys(attributes_int)) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND notEmpty(attributes_int)
GROUP BY k
)
)
UNION ALL
SELECT * FROM (
SELECT 'resource' AS place, arrayJoin(JSONExtractKeys(toString(o))) AS name FROM (
SELECT resource AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
GROUP BY o
UNION ALL
SELECT resource AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
GROUP BY o
UNION ALL
SELECT resource AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
GROUP BY o
)
)
UNION ALL
SELECT * FROM (
SELECT 'instrumentation' AS place, arrayJoin(JSONExtractKeys(toString(o))) AS name FROM (
SELECT scope_attributes AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
GROUP BY o
UNION ALL
SELECT scope_attributes AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
GROUP BY o
UNION ALL
SELECT scope_attributes AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
GROUP BY o
)
)
UNION ALL
SELECT * FROM (
SELECT 'event' AS place, k AS name FROM (
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), events_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND notEmpty(events_attributes)
GROUP BY k
UNION ALL
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), events_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND notEmpty(events_attributes)
GROUP BY k
UNION ALL
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), events_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND notEmpty(events_attributes)
GROUP BY k
)
)
UNION ALL
SELECT * FROM (
SELECT 'link' AS place, k AS name FROM (
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), links_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND notEmpty(links_attributes)
GROUP BY k
UNION ALL
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), links_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND notEmpty(links_attributes)
GROUP BY k
UNION ALL
SELECT arrayJoin(arrayFlatten(arrayMap(x -> JSONExtractKeys(x), links_attributes))) AS k
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND notEmpty(links_attributes)
GROUP BY k
)
)
)
ORDER BY place, name
LIMIT 1000 BY place
