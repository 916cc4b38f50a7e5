SELECT b * 3600000000000, transform(intDiv(n + 3, 4), [0, 1, 2, 3, 4, 5, 6], ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unset') AS k, sum(c) FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp), 3600000000000) AS b, severity_number AS n, count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
GROUP BY b, n
)
GROUP BY b, k
ORDER BY b, k
