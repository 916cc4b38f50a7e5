-- Tail sampling of traces (ADR 0021): what was decided, and how long operations take.
-- A row of decisions is a trace that was decided: `weight` is how many traces it stands for, 0 when it was dropped; `rule` is
-- the name of the rule, empty for all others. What is decided of a tenant in a slice of time is one part: all of it or nothing.
CREATE TABLE IF NOT EXISTS nexus.trace_decisions {on_cluster}
(
    tenant      LowCardinality(String),
    trace_id    FixedString(16) CODEC(ZSTD(1)),
    rule        LowCardinality(String),
    weight      Float32,
    slice       UInt32,
    decided_at  DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    expires_at  DateTime('UTC') CODEC(Delta(4), ZSTD(1))
)
ENGINE = {engine}
PARTITION BY toStartOfHour(decided_at, 'UTC')
ORDER BY (tenant, trace_id)
TTL expires_at DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 1;
-- Durations of the spans of an operation that arrived in a slice of time, as a sketch with 1 % relative error: against these
-- a rule tells what is slow. A slice that was counted again replaces what it said before.
CREATE TABLE IF NOT EXISTS nexus.trace_baselines {on_cluster}
(
    tenant      LowCardinality(String),
    slice       UInt32,
    service     LowCardinality(String),
    name        LowCardinality(String),
    durations   AggregateFunction(quantileDD(0.01, 0.5), UInt64),
    spans       UInt64,
    counted_at  DateTime('UTC')
)
ENGINE = {engine:Replacing(counted_at)}
ORDER BY (tenant, slice, service, name)
TTL counted_at + INTERVAL 2 HOUR DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024;
