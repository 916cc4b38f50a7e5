SELECT tenant, _dr, (_decided = 0 OR _dw > 0) AS kept, count(), uniq(trace_id)
FROM nexus.spans ANY LEFT JOIN (
SELECT 'acme' AS _dt, trace_id AS _di, rule AS _dr, weight AS _dw, 1 AS _decided FROM (
SELECT trace_id, argMin(rule, decided_at) AS rule, argMin(weight, decided_at) AS weight FROM (
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at >= toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id)
UNION ALL
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'acme' AND decided_at < toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'acme' AND pending = 172800 GROUP BY trace_id HAVING NOT (max(root) AND min(timestamp) >= toDateTime64(172170, 9, 'UTC')))
) GROUP BY trace_id
)
UNION ALL
SELECT 'other' AS _dt, trace_id AS _di, rule AS _dr, weight AS _dw, 1 AS _decided FROM (
SELECT trace_id, argMin(rule, decided_at) AS rule, argMin(weight, decided_at) AS weight FROM (
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'other' AND decided_at >= toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'other' AND pending = 172800 GROUP BY trace_id)
UNION ALL
SELECT trace_id, rule, weight, decided_at FROM nexus.trace_decisions WHERE tenant = 'other' AND decided_at < toDateTime(171570, 'UTC') AND trace_id IN (SELECT trace_id FROM nexus.spans WHERE tenant = 'other' AND pending = 172800 GROUP BY trace_id HAVING NOT (max(root) AND min(timestamp) >= toDateTime64(172170, 9, 'UTC')))
) GROUP BY trace_id
)
) AS _d ON tenant = _dt AND trace_id = _di
WHERE pending = 172800
GROUP BY tenant, _dr, kept
ORDER BY tenant, _dr, kept
SETTINGS apply_mutations_on_fly = 1
