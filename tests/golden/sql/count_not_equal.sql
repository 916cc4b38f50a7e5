SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND NOT ifNull(`s_http_route` = '/pay', 0)
)
