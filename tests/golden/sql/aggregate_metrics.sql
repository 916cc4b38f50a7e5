SELECT count(), count(), if(countIf(x0 IS NOT NULL AND isFinite(x0)) = 0, [], quantilesTDigestIf(0.5, 0.99)(x0, x0 IS NOT NULL AND isFinite(x0))) FROM (
SELECT multiIf(isNotNull(`f_duration`), toFloat64(`f_duration`), NULL) AS x0
FROM nexus.logs
WHERE tenant = 'acme'
)
