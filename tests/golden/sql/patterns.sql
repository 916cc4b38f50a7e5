SELECT t, total, parts, services, low, high, sum(total) OVER () AS everything, count() OVER () AS distinct FROM (
SELECT t, sum(c) AS total, groupArray((b, s, c)) AS parts, groupUniqArrayArray(v) AS services, min(h) AS low, max(i) AS high, min(f) AS first FROM (
SELECT template_id AS t, intDiv(hour, 1) AS b, severity_number AS s, count() AS c, groupUniqArray(50)(service) AS v, min(hour) AS h, max(hour) AS i, min(hour) AS f
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
GROUP BY t, b, s
UNION ALL
SELECT template_id AS t, intDiv(hour, 1) AS b, severity_number AS s, count() AS c, groupUniqArray(50)(service) AS v, min(hour) AS h, max(hour) AS i, min(hour) AS f
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
GROUP BY t, b, s
)
GROUP BY t
)
ORDER BY total DESC, t
LIMIT 100
