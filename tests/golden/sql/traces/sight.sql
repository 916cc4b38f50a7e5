SELECT toString(concat('s', toString(g))) AS k, sum(w) AS n FROM (
SELECT `s_http_route` AS g, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND 0
  AND status = 2
GROUP BY g
)
GROUP BY k
HAVING isNotNull(k)
ORDER BY n DESC, k
LIMIT 1000
;
SELECT toString(concat('s', toString(g))) AS k, sum(w) AS n FROM (
SELECT `s_http_route` AS g, sum(weight) AS w
FROM nexus.spans
WHERE tenant = 'acme'
  AND (service != '' AND service != 'secret')
  AND status = 2
GROUP BY g
)
GROUP BY k
HAVING isNotNull(k)
ORDER BY n DESC, k
LIMIT 1000
;
SELECT toString(concat('s', toString(g))) AS k, sum(w) AS n FROM (
SELECT `s_http_route` AS g, sum(weight) AS w
FROM (SELECT `status`, `weight`, `s_http_route` FROM (SELECT `status`, `weight`, `s_http_route` FROM nexus.spans WHERE tenant = 'acme' AND (service != '' AND service != 'secret')))
WHERE status = 2
GROUP BY g
)
GROUP BY k
HAVING isNotNull(k)
ORDER BY n DESC, k
LIMIT 1000
