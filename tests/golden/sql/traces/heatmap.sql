SELECT toInt64(b) * 3600000000000, c, sum(w), sum(f) FROM (
SELECT intDiv(slot, 12) AS b, duration_class AS c, sum(weight) AS w, sumIf(weight, status = 2) AS f
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot >= 301
  AND slot < 851
  AND status = 2
GROUP BY b, c
UNION ALL
SELECT intDiv(slot, 12) AS b, duration_class AS c, sum(weight) AS w, sumIf(weight, status = 2) AS f
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 300
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
  AND status = 2
GROUP BY b, c
UNION ALL
SELECT intDiv(slot, 12) AS b, duration_class AS c, sum(weight) AS w, sumIf(weight, status = 2) AS f
FROM nexus.spans
WHERE tenant = 'acme'
  AND slot = 851
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
  AND status = 2
GROUP BY b, c
)
GROUP BY b, c
ORDER BY b, c
