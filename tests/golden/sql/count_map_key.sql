SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND (mapContains(attributes_int, 'retries') AND attributes_int['retries'] = 3)
)
