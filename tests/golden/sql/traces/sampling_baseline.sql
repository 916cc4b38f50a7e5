INSERT INTO nexus.trace_baselines (tenant, slice, service, name, durations, spans, counted_at)
SELECT 'acme', 172800, service, name, quantileDDState(0.01, 0.5)(duration), count(), toDateTime(172900, 'UTC')
FROM nexus.spans
WHERE tenant = 'acme' AND pending = 172800 AND (kind = 2 OR root)
GROUP BY service, name
ORDER BY count() DESC
LIMIT 10000
SETTINGS apply_mutations_on_fly = 1
