SELECT * FROM (
SELECT body FROM (SELECT _0 AS `body`, _1 AS `trace_id#` FROM (SELECT body AS _0, trace_id AS _1 FROM nexus.logs WHERE tenant = 'acme')) AS l WHERE l."trace_id#" = unhex('abababababababababababababababab')
)
LIMIT 101
