SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('1')
  AND hour = 24
  AND timestamp >= fromUnixTimestamp64Nano(86400000000005, 'UTC')
  AND timestamp < fromUnixTimestamp64Nano(86400000000010, 'UTC')
)
