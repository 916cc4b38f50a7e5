SELECT * FROM (
SELECT 'status' AS f, value, c, sum(c) OVER () AS n FROM (
SELECT ifNull(toString(v), '') AS value, sum(c) AS c FROM (
SELECT multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL) AS v, count() AS c
FROM (SELECT _m0 AS `attributes_string`, _m5 AS `i_status` FROM (SELECT CAST(mapUpdate(CAST(mapApply((k, v) -> (k, if(k IN ('status'), '***', v)), attributes_string), 'Map(String, String)'), if(isNotNull(`i_status`), map('status', '***'), CAST(map(), 'Map(String, String)'))), 'Map(LowCardinality(String), String)') AS _m0, CAST(NULL, 'Nullable(Int64)') AS _m5 FROM nexus.logs WHERE tenant = 'acme' AND service = 'cart'))
WHERE 1
GROUP BY v
)
GROUP BY value
)
WHERE value != ''
ORDER BY c DESC, value
LIMIT 11
)
