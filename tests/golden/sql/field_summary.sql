SELECT records, present, if(few <= 10000, few, many), n, low, high, mean, total, marks FROM (
SELECT count() AS records, countIf(p) AS present, length(groupUniqArrayIf(10001)(v, v != '')) AS few, uniqIf(v, v != '') AS many, countIf(x IS NOT NULL AND isFinite(x)) AS n, minIf(x, x IS NOT NULL AND isFinite(x)) AS low, maxIf(x, x IS NOT NULL AND isFinite(x)) AS high, avgIf(x, x IS NOT NULL AND isFinite(x)) AS mean, sumIf(x, x IS NOT NULL AND isFinite(x)) AS total, quantilesTDigestIf(0.5, 0.9, 0.95, 0.99)(x, x IS NOT NULL AND isFinite(x)) AS marks FROM (
SELECT ((mapContains(attributes_string, 'status') OR isNotNull(`i_status`))) AS p, if(p, ifNull(toString(ifNull(multiIf(mapContains(attributes_string, 'status'), attributes_string['status'], isNotNull(`i_status`), toString(`i_status`), NULL), '')), ''), '') AS v, multiIf(mapContains(attributes_string, 'status'), toFloat64OrNull(attributes_string['status']), isNotNull(`i_status`), toFloat64(`i_status`), NULL) AS x
FROM nexus.logs
WHERE tenant = 'acme'
)
)
