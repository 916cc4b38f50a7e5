INSERT INTO nexus.spans (`tenant`, `weight`, `commit_id`, `pending`)
SELECT `tenant`, if(_decided = 1, toFloat32(weight * _dw), weight), 9223374935957712897, 0
FROM nexus.spans ANY LEFT JOIN (
SELECT 'acme' AS _dt, trace_id AS _di, rule AS _dr, weight AS _dw, 1 AS _decided FROM (
SELECT trace_id, argMin(rule, decided_at) AS rule, argMin(weight, decided_at) AS weight FROM (
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at >= toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id)
UNION ALL
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at < toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id HAVING NOT (max(root) AND min(timestamp) >= toDateTime64(172170, 9, 'UTC')))
) GROUP BY trace_id
)
) AS _d ON tenant = _dt AND trace_id = _di
WHERE pending = 172800 AND (_decided = 0 OR _dw > 0) AND cityHash64(trace_id) % 3 = 1 AND intDiv(slot, 288) NOT IN (1)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000, max_partitions_per_insert_block = 0, apply_mutations_on_fly = 1, materialize_skip_indexes_on_insert = 0, optimize_on_insert = 0
