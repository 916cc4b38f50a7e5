SELECT k, b, i, a, x, r, total FROM (
SELECT k, b, i, a, x, total, dense_rank() OVER (ORDER BY total DESC, k, b) AS r FROM (
SELECT k, b, i, a, x, sum(n) OVER (PARTITION BY k, b) AS total FROM (
SELECT CAST([], 'Array(Nullable(String))') AS k, 0 AS b, i, quantilesTDigestWeighted(0.5, 0.99)(assumeNotNull(v), toUInt32(greatest(round(w * 16), 1))) AS a, 0 AS x, sum(w) AS n FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, weight AS w, toFloat64(duration) / 1e9 AS v
FROM nexus.spans
WHERE tenant = 'acme'
)
WHERE isNotNull(v) AND isFinite(v)
GROUP BY b, i
)
)
)
WHERE r <= 1001
ORDER BY r, i
