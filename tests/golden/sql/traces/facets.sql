SELECT * FROM (
SELECT 'name' AS f, toString(k) AS v, sum(w) AS n FROM (
SELECT concat('s', name) AS k, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY k
)
WHERE isNotNull(k)
GROUP BY v
ORDER BY n DESC, v
LIMIT 10
)
UNION ALL
SELECT * FROM (
SELECT 'span.http.route' AS f, toString(k) AS v, sum(w) AS n FROM (
SELECT concat('s', `s_http_route`) AS k, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
GROUP BY k
)
WHERE isNotNull(k)
GROUP BY v
ORDER BY n DESC, v
LIMIT 10
)
