SELECT * FROM (
SELECT "attributes.http.route" AS route, avg("attributes#duration") AS "avg(attributes['duration'])" FROM (SELECT _0 AS `resource.host.name`, _1 AS `attributes#status`, _2 AS `attributes#duration`, _3 AS `attributes.http.route` FROM (SELECT JSONExtractString(JSON_QUERY(resource, '$."host.name"'), 1) AS _0, multiIf(mapContains(attributes_string, 'status'), toFloat64(toFloat64OrNull(attributes_string['status'])), isNotNull(`i_status`), toFloat64(`i_status`), NULL) AS _1, `f_duration` AS _2, ifNull(`s_http_route`, '') AS _3 FROM nexus.logs WHERE tenant = 'acme')) AS logs WHERE "attributes#status" >= 500 AND "resource.host.name" = 'node-1' GROUP BY route
)
LIMIT 101
