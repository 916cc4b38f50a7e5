SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (service != '' AND service != 'secret')
  AND (indexHint(has(tokens(skeleton), 'timeout')) AND hasToken(skeleton, 'timeout'))
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (service != '' AND service != 'secret')
  AND (indexHint(has(tokens(lower(body)), 'timeout')) AND hasToken(lower(body), 'timeout'))
)
