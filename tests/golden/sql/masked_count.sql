SELECT sum(c) FROM (
SELECT count() AS c
FROM (SELECT _m0 AS `attributes_string` FROM (SELECT CAST(mapApply((k, v) -> (k, if(k IN ('user.email'), '***', v)), attributes_string), 'Map(LowCardinality(String), String)') AS _m0 FROM nexus.logs WHERE tenant = 'acme'))
WHERE (mapContains(attributes_string, 'user.email'))
)
