SELECT * FROM (
SELECT 'name' AS f, toString(concat('s', toString(g))) AS v, sum(w) AS n FROM (
SELECT name AS g, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY g
)
GROUP BY v
HAVING isNotNull(v)
ORDER BY n DESC, v
LIMIT 10
)
UNION ALL
SELECT * FROM (
SELECT 'span.http.route' AS f, toString(concat('s', toString(g))) AS v, sum(w) AS n FROM (
SELECT `s_http_route` AS g, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY g
)
GROUP BY v
HAVING isNotNull(v)
ORDER BY n DESC, v
LIMIT 10
)
