SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
)
