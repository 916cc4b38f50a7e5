SELECT minIf(f, c > 0), maxIf(l, c > 0), sum(c) FROM (
SELECT min(toUnixTimestamp64Nano(timestamp)) AS f, max(toUnixTimestamp64Nano(timestamp)) AS l, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
)
