SELECT toString(k), sum(w) AS n FROM (
SELECT concat('s', `s_http_route`) AS k, weight AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND status = 2
)
WHERE isNotNull(k)
GROUP BY k
ORDER BY n DESC, k
LIMIT 1000
