SELECT sum(c) FROM (
SELECT count() AS c FROM nexus.logs WHERE 0
)
