SELECT sum(c), uniqExact(trace_id) FROM (
SELECT trace_id, count() AS c
FROM nexus.spans
WHERE tenant = 'acme'
  AND (toFloat64(`i_http_response_status_code`) / toFloat64(100)) = 5
  AND NOT ifNull((mapContains(attributes_int, 'retries') AND mapContains(attributes_int, 'user.id') AND (toFloat64(attributes_int['retries']) + toFloat64(1)) > attributes_int['user.id']), 0)
GROUP BY trace_id
)
