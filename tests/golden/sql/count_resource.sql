SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND JSON_QUERY(resource, '$."host.name"') IN ('["node-1"]')
)
