SELECT toInt64(0), CAST(any(sv), 'String'), CAST(any(rv), 'String'), toUInt8(0), toUInt64(0), toUInt64(sum(c)), toUInt64(0), '' FROM (
SELECT cityHash64(service) AS s, cityHash64(resource) AS r, count() AS c, any(service) AS sv, any(resource) AS rv
FROM (SELECT _m0 AS `service`, _m1 AS `resource` FROM (SELECT CAST(if(service = '', '', '***'), 'LowCardinality(String)') AS _m0, CAST(if(match(replaceRegexpAll(resource, '"service\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"service.name":"***"'), '(?:"service\\.name"):[\\[{]'), '{"service.name":"***"}', replaceRegexpAll(resource, '"service\\.name":(?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[{,}\\]]+|[\\[{](?:"(?:[^"\\\\]|\\\\.)*"|[^"\\[\\]{}])*[\\]}])', '"service.name":"***"')), 'LowCardinality(String)') AS _m1 FROM nexus.logs WHERE tenant = 'acme'))
WHERE 1
GROUP BY s, r
)
GROUP BY s, r
HAVING sum(c) > 0
