SELECT toInt64(b), '', '', toUInt8(n), toUInt64(t), toUInt64(sum(c)), toUInt64(0), CAST(any(x), 'String') FROM (
SELECT 86399999999999 + 3600000000000 * (intDiv(toInt64(hour) - 24, 1) + 1) AS b, severity_number AS n, template_id AS t, count() AS c, any(body) AS x
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'failed')) AND hasToken(skeleton, 'failed'))
GROUP BY b, n, t
UNION ALL
SELECT 86399999999999 + 3600000000000 * (intDiv(toInt64(hour) - 24, 1) + 1) AS b, severity_number AS n, template_id AS t, count() AS c, any(body) AS x
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
GROUP BY b, n, t
)
GROUP BY b, n, t
HAVING sum(c) > 0
