SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND _partition_id IN ('2')
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
)
