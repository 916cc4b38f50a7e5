SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (indexHint(has(tokens(skeleton), 'connection')) AND indexHint(has(tokens(skeleton), 'reset')) AND indexHint(has(tokens(skeleton), 'by')) AND indexHint(has(tokens(skeleton), 'peer')) AND position(skeleton, 'connection reset by peer') > 0 AND match(skeleton, '(?:^|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])connection\\ reset\\ by\\ peer(?:$|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])'))
UNION ALL
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND skeleton = ''
  AND (indexHint(has(tokens(lower(body)), 'connection')) AND indexHint(has(tokens(lower(body)), 'reset')) AND indexHint(has(tokens(lower(body)), 'by')) AND indexHint(has(tokens(lower(body)), 'peer')) AND position(lower(body), 'connection reset by peer') > 0 AND match(lower(body), '(?:^|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])connection\\ reset\\ by\\ peer(?:$|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])'))
)
