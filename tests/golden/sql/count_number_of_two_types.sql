SELECT sum(c) FROM (
SELECT count() AS c
FROM nexus.logs
WHERE tenant = 'acme'
  AND ((mapContains(attributes_string, 'status') AND toFloat64OrNull(attributes_string['status']) >= 500) OR `i_status` >= 500)
)
