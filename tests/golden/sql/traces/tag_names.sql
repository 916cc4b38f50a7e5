SELECT DISTINCT place, name FROM (
SELECT * FROM (
SELECT 'span' AS place, 'http.route' AS name FROM (
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
  AND (isNotNull(`s_http_route`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
  AND (isNotNull(`s_http_route`))
LIMIT 1
UNION ALL
SELECT 1 AS one
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
  AND (isNotNull(`s_http_route`))
LIMIT 1
) LIMIT 1
)
UNION ALL
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
SELECT 'event' AS place, arrayJoin(JSONExtractKeys(toString(o))) AS name FROM (
SELECT arrayJoin(events_attributes) AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
GROUP BY o
UNION ALL
SELECT arrayJoin(events_attributes) AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
GROUP BY o
UNION ALL
SELECT arrayJoin(events_attributes) AS o
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
SELECT 'link' AS place, arrayJoin(JSONExtractKeys(toString(o))) AS name FROM (
SELECT arrayJoin(links_attributes) AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
GROUP BY o
UNION ALL
SELECT arrayJoin(links_attributes) AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
GROUP BY o
UNION ALL
SELECT arrayJoin(links_attributes) AS o
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
GROUP BY o
)
)
)
ORDER BY place, name
LIMIT 1000 BY place
