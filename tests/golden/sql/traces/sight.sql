SELECT toString(k), sum(w) AS n FROM (
SELECT concat('s', `s_http_route`) AS k, weight AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND 0
  AND status = 2
)
WHERE isNotNull(k)
GROUP BY k
ORDER BY n DESC, k
LIMIT 1000
;
SELECT toString(k), sum(w) AS n FROM (
SELECT concat('s', `s_http_route`) AS k, weight AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND (service != '' AND service != 'secret')
  AND status = 2
)
WHERE isNotNull(k)
GROUP BY k
ORDER BY n DESC, k
LIMIT 1000
;
SELECT toString(k), sum(w) AS n FROM (
SELECT concat('s', `s_http_route`) AS k, weight AS w
FROM (SELECT `status`, `weight`, `s_http_route` FROM (SELECT `status`, `weight`, `s_http_route` FROM nexus.spans WHERE tenant = 'acme' AND (service != '' AND service != 'secret')))
WHERE status = 2
)
WHERE isNotNull(k)
GROUP BY k
ORDER BY n DESC, k
LIMIT 1000
