SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND xxh3(resource) IN (7, 18446744073709551615)
)
