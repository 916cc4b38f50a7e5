INSERT INTO nexus.trace_decisions (tenant, trace_id, rule, weight, slice, decided_at, expires_at)
SELECT 'acme', trace_id, arrayElement([''], r + 1), if(toFloat64(h) / 18446744073709551616 < 0.25, 4.0, 0.), 172800, toDateTime(172900, 'UTC'), toDateTime(432000, 'UTC')
FROM (
SELECT trace_id, r, sipHash64(trace_id) AS h FROM (
SELECT trace_id, toUInt8(0) AS r
FROM nexus.spans
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
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000, max_partitions_per_insert_block = 0, apply_mutations_on_fly = 1
