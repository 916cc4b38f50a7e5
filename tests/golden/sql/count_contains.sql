SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'peer')) AND hasToken(skeleton, 'peer'))
  AND position(body, 'by peer\'s x') > 0
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'peer')) AND hasToken(lower(body), 'peer'))
  AND position(body, 'by peer\'s x') > 0
)
