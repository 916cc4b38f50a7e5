-- Rollups of metrics (ADR 0018): what is kept of the samples of a series in windows of `tier` seconds, one row a series, tier
-- and UTC day. `times[1]` are the ends of the windows, `values[1]` what is kept of each, both encoded by crates/nexus-tsdb;
-- `first` and `last` are the last ms of the first and the last window. Of a day that was made again the newest row counts.
CREATE TABLE IF NOT EXISTS nexus.metric_rollups {on_cluster}
(
    tenant      LowCardinality(String),
    metric      LowCardinality(String),
    series      FixedString(16) CODEC(NONE),
    day         Date,
    expires_on  Date,
    tier        UInt32,
    built       UInt64,
    first       Int64,
    last        Int64,
    samples     UInt32,
    times       Array(String) CODEC(ZSTD(1, 24)) SETTINGS (min_compress_block_size = 8388608, max_compress_block_size = 8388608),
    values      Array(String) CODEC(ZSTD(1))
)
ENGINE = {engine:Replacing(built)}
PARTITION BY day
ORDER BY (tenant, tier, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 256, ttl_only_drop_parts = 0;
