SELECT t, total, parts, services, low, high, sum(total) OVER () AS everything, count() OVER () AS distinct FROM (
SELECT t, sum(c) AS total, groupArray((b, s, c)) AS parts, groupUniqArrayArray(v) AS services, min(h) AS low, max(i) AS high, min(f) AS first FROM (
SELECT template_id AS t, intDiv(toUnixTimestamp64Nano(timestamp), 900000000000) AS b, severity_number AS s, count() AS c, groupUniqArray(50)(service) AS v, min(hour) AS h, max(hour) AS i, min(toUnixTimestamp64Nano(timestamp)) AS f
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour >= 26
  AND hour < 70
GROUP BY t, b, s
UNION ALL
SELECT template_id AS t, intDiv(toUnixTimestamp64Nano(timestamp), 900000000000) AS b, severity_number AS s, count() AS c, groupUniqArray(50)(service) AS v, min(hour) AS h, max(hour) AS i, min(toUnixTimestamp64Nano(timestamp)) AS f
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour = 25
  AND timestamp >= fromUnixTimestamp64Nano(90000000000005, 'UTC')
GROUP BY t, b, s
UNION ALL
SELECT template_id AS t, intDiv(toUnixTimestamp64Nano(timestamp), 900000000000) AS b, severity_number AS s, count() AS c, groupUniqArray(50)(service) AS v, min(hour) AS h, max(hour) AS i, min(toUnixTimestamp64Nano(timestamp)) AS f
FROM nexus.logs
WHERE tenant = 'acme'
  AND hour = 70
  AND timestamp < fromUnixTimestamp64Nano(255599999999995, 'UTC')
GROUP BY t, b, s
)
GROUP BY t
)
ORDER BY first DESC, t
LIMIT 20
