SELECT k, b, i, a, (lower(hex(x.1)), lower(hex(x.2)), x.3, toFloat64(x.4)), r, total FROM (
SELECT k, b, i, a, x, total, dense_rank() OVER (ORDER BY total DESC, k, b) AS r FROM (
SELECT k, b, i, a, x, sum(n) OVER (PARTITION BY k, b) AS total FROM (
SELECT CAST([concat('s', toString(k0))], 'Array(Nullable(String))') AS k, 0 AS b, i, sum(w) / 3600.0 AS a, any((trace_id, span_id, t, w)) AS x, sum(w) AS n FROM (
SELECT `s_http_route` AS k0, intDiv(toUnixTimestamp64Nano(timestamp) - 82800000000001, 3600000000000) AS i, weight AS w, trace_id, span_id, toUnixTimestamp64Nano(timestamp) AS t
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
)
WHERE 1
GROUP BY k0, b, i
)
)
)
WHERE r <= 1001
ORDER BY r, i
