SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour >= 26
  AND hour < 70
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour = 25
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour = 70
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
)
