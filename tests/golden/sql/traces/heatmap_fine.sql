SELECT toInt64(b) * 1000000000, c, sum(w), sum(f) FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp), 1000000000) AS b, duration_class AS c, sum(weight) AS w, sumIf(weight, status = 2) AS f
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY b, c
)
GROUP BY b, c
ORDER BY b, c
