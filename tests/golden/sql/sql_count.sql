SELECT * FROM (
SELECT count() AS "count()" FROM (SELECT 1 FROM (SELECT 1 FROM nexus.logs WHERE tenant = 'acme')) AS logs
)
LIMIT 101
