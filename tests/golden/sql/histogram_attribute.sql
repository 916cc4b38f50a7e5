SELECT b * 3600000000000, if(r > 20, '(other)', v) AS key, sum(n) FROM (
SELECT b, v, n, dense_rank() OVER (ORDER BY total DESC, v) AS r FROM (
SELECT b, v, n, sum(n) OVER (PARTITION BY v) AS total FROM (
SELECT b, ifNull(toString(k), '') AS v, sum(c) AS n FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp), 3600000000000) AS b, `s_http_route` AS k, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b, k
)
GROUP BY b, v
)
)
)
GROUP BY b, key
ORDER BY b, key
