SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(lower(body)), 'user42')) AND hasToken(lower(body), 'user42'))
)
