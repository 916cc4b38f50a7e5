SELECT b * 3600000000000, if(r > 20, '(other)', v) AS key, sum(n) FROM (
SELECT b, v, n, dense_rank() OVER (ORDER BY total DESC, v) AS r FROM (
SELECT b, v, n, sum(n) OVER (PARTITION BY v) AS total FROM (
SELECT b, ifNull(toString(leftPad(lower(hex(k)), 16, '0')), '') AS v, sum(c) AS n FROM (
SELECT intDiv(toUnixTimestamp64Nano(timestamp), 3600000000000) AS b, template_id AS k, count() AS c
FROM (SELECT `timestamp`, _m2 AS `template_id` FROM (SELECT `timestamp`, if(body = '', template_id, toUInt64(11768431262910183757)) AS _m2 FROM nexus.logs WHERE tenant = 'acme' AND skeleton != '' AND (indexHint(has(tokens(skeleton), 'by')) AND indexHint(has(tokens(skeleton), 'peer')) AND position(skeleton, 'by peer') > 0 AND match(skeleton, '(?:^|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])by\\ peer(?:$|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])'))))
WHERE 1
GROUP BY b, k
UNION ALL
SELECT intDiv(toUnixTimestamp64Nano(timestamp), 3600000000000) AS b, template_id AS k, count() AS c
FROM (SELECT `timestamp`, _m2 AS `template_id` FROM (SELECT `timestamp`, if(body = '', template_id, toUInt64(11768431262910183757)) AS _m2 FROM nexus.logs WHERE tenant = 'acme' AND skeleton = '' AND (indexHint(has(tokens(lower(body)), 'by')) AND indexHint(has(tokens(lower(body)), 'peer')) AND position(lower(body), 'by peer') > 0 AND match(lower(body), '(?:^|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])by\\ peer(?:$|[\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f])'))))
WHERE 1
GROUP BY b, k
)
GROUP BY b, v
)
)
)
GROUP BY b, key
ORDER BY b, key
