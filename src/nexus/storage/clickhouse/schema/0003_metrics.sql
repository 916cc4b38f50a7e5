-- Metrics: sealed chunks, series, exemplars, what is said about metric families (ADR 0014).
-- The newest samples are in the native head and its log under metrics/; what lies here came out of them, as RowBinary.
-- `series` is the 128-bit id (little-endian), times are ms since the epoch, `labels` packed as crates/nexus-series has it.
--
-- A row of chunks is one series on one UTC day; merges join rows of the same series. Chunk i is `times[i]` with `values[i]`,
-- both encoded by crates/nexus-tsdb. Series of one scrape target have the same times: apart from the values, in blocks of
-- 8 MiB with a window that spans them, they compress to almost nothing (.02 instead of .66 B a sample).
CREATE TABLE IF NOT EXISTS nexus.metric_chunks {on_cluster}
(
    tenant      LowCardinality(String),
    metric      LowCardinality(String),
    series      FixedString(16) CODEC(NONE),
    day         Date,
    expires_on  SimpleAggregateFunction(max, Date),
    first       SimpleAggregateFunction(min, Int64),
    last        SimpleAggregateFunction(max, Int64),
    samples     SimpleAggregateFunction(sumWithOverflow, UInt32),
    times       SimpleAggregateFunction(groupArrayArray, Array(String)) CODEC(ZSTD(1, 24))
                SETTINGS (min_compress_block_size = 8388608, max_compress_block_size = 8388608),
    values      SimpleAggregateFunction(groupArrayArray, Array(String)) CODEC(ZSTD(1))
)
ENGINE = {engine:Aggregating}
PARTITION BY day
ORDER BY (tenant, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 64, ttl_only_drop_parts = 0;
-- Every series once, with the days on which it has samples. A row comes for each new day, so one that has expired comes back
-- with the next sample.
CREATE TABLE IF NOT EXISTS nexus.metric_series {on_cluster}
(
    tenant      LowCardinality(String),
    metric      LowCardinality(String),
    series      FixedString(16) CODEC(NONE),
    labels      SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(1)),
    day         Date EPHEMERAL,
    days        SimpleAggregateFunction(groupUniqArrayArray, Array(Date)) DEFAULT [day],
    expires_on  SimpleAggregateFunction(max, Date)
)
ENGINE = {engine:Aggregating}
ORDER BY (tenant, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 0;
CREATE TABLE IF NOT EXISTS nexus.metric_exemplars {on_cluster}
(
    tenant      LowCardinality(String),
    metric      LowCardinality(String),
    series      FixedString(16) CODEC(NONE),
    day         Date,
    expires_on  Date,
    time        Int64 CODEC(Delta(8), ZSTD(1)),
    value       Float64,
    labels      String CODEC(ZSTD(1))
)
ENGINE = {engine}
PARTITION BY day
ORDER BY (tenant, metric, series, time)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 0;
-- Of what was said about a family the last word counts. `kind` is a number of nexus_series::batch::MetricKind.
CREATE TABLE IF NOT EXISTS nexus.metric_metadata {on_cluster}
(
    tenant      LowCardinality(String),
    metric      String,
    kind        UInt8,
    unit        LowCardinality(String),
    help        String,
    seen        Int64
)
ENGINE = {engine:Replacing(seen)}
ORDER BY (tenant, metric)
SETTINGS storage_policy = 'nexus', index_granularity = 1024;
