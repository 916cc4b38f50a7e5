SELECT k, b, i, a, x, r, total FROM (
SELECT k, b, i, a, x, total, dense_rank() OVER (ORDER BY total DESC, k, b) AS r FROM (
SELECT k, b, i, a, x, sum(n) OVER (PARTITION BY k, b) AS total FROM (
SELECT CAST([], 'Array(Nullable(String))') AS k, exp2(ceil(log2(greatest(v * 1e9, 1)))) / 1e9 AS b, i, toFloat64(sum(w)) AS a, 0 AS x, sum(w) AS n FROM (
SELECT 0 AS i, weight AS w, toFloat64(duration) / 1e9 AS v
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 289
UNION ALL
SELECT 0 AS i, weight AS w, toFloat64(duration) / 1e9 AS v
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 288
  AND timestamp >= fromUnixTimestamp64Nano(86400000000001, 'UTC')
)
WHERE isNotNull(v) AND isFinite(v)
GROUP BY b, i
)
)
)
WHERE r <= 1001
ORDER BY r, i
