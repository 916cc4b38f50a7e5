SELECT * FROM (
SELECT count() AS "count()" FROM (SELECT 1 FROM (SELECT 1 FROM nexus.logs PREWHERE tenant = 'acme'
  AND (indexHint(has(tokens(lower(body)), 'failed')) AND hasToken(lower(body), 'failed'))
  AND ((mapContains(attributes_string, 'status') AND toFloat64OrNull(attributes_string['status']) >= 500) OR `i_status` >= 500))) AS logs
)
LIMIT 101
