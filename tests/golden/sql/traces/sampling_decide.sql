INSERT INTO nexus.trace_decisions (tenant, trace_id, rule, weight, slice, decided_at, expires_at)
SELECT 'acme', trace_id, arrayElement(['errors', 'pay', 'slow', ''], r + 1), multiIf(r = 0, 1., r = 1, if(toFloat64(h) / 18446744073709551616 < 0.5, 2.0, 0.), r = 2, multiIf(n <= 150, 1., k <= 150, n / 150, 0.), if(toFloat64(h) / 18446744073709551616 < 0.01, 100.0, 0.)), 172800, toDateTime(172900, 'UTC'), toDateTime(432000, 'UTC')
FROM (
SELECT *, count() OVER (PARTITION BY r) AS n, row_number() OVER (PARTITION BY r ORDER BY h, trace_id) AS k FROM (
SELECT trace_id, r, sipHash64(trace_id) AS h FROM (
SELECT trace_id, toUInt8(multiIf(max(ifNull(status = 2, 0)), 0, max(ifNull(((`s_http_route` = '/pay' OR (JSON_VALUE(resource, '$."http.route"') = '/pay' AND startsWith(JSON_QUERY(resource, '$."http.route"'), '["') AND NOT (isNotNull(`s_http_route`)))) AND _trace_duration > 2000000000), 0)), 1, max(ifNull((kind = 2 OR root) AND _based = 1 AND duration > _slow_2, 0)), 2, 3)) AS r
FROM nexus.spans
ANY LEFT JOIN (SELECT trace_id AS _dt, max(b + toInt64(duration)) - min(b) AS _trace_duration FROM (
SELECT trace_id, toUnixTimestamp64Nano(timestamp) AS b, duration FROM nexus.spans WHERE tenant = 'acme' AND pending >= 172800 AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id)
) GROUP BY trace_id) AS _d ON trace_id = _dt
ANY LEFT JOIN (
SELECT service AS _bs, name AS _bn, 1 AS _based, if(sum(spans) >= 100.0000, quantileDDMerge(0.01, 0.99)(durations), inf) AS _slow_2
FROM (SELECT * FROM nexus.trace_baselines FINAL WHERE tenant = 'acme' AND slice > 169200 AND slice <= 172800)
GROUP BY service, name
) AS _b ON service = _bs AND name = _bn
WHERE tenant = 'acme' AND pending >= 172800
  AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id)
  AND trace_id NOT IN (SELECT trace_id FROM (
SELECT trace_id, argMin(rule, decided_at) AS rule, argMin(weight, decided_at) AS weight FROM (
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at >= toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id)
UNION ALL
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at < toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id HAVING NOT (max(root) AND min(timestamp) >= toDateTime64(172170, 9, 'UTC')))
) GROUP BY trace_id
))
GROUP BY trace_id
)
)
)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000, max_partitions_per_insert_block = 0, apply_mutations_on_fly = 1
