CREATE DATABASE IF NOT EXISTS nexus ON CLUSTER 'nexus' ENGINE = Atomic;

CREATE TABLE IF NOT EXISTS nexus.migrations ON CLUSTER 'nexus' (version UInt32, name String, applied_at DateTime('UTC') DEFAULT now()) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}') ORDER BY version;

CREATE TABLE IF NOT EXISTS nexus.logs ON CLUSTER 'nexus'
(
    tenant              LowCardinality(String),
    hour                UInt32,
    timestamp           DateTime64(9, 'UTC') CODEC(Delta(8), Default),
    observed_timestamp  DateTime64(9, 'UTC') CODEC(Delta(8), Default),
    service             LowCardinality(String),
    severity            LowCardinality(String),
    severity_number     UInt8,
    severity_text       LowCardinality(String),
    body                String,
    skeleton            LowCardinality(String),
    template_id         UInt64,
    trace_id            FixedString(16) CODEC(LZ4),
    span_id             FixedString(8) CODEC(LZ4),
    trace_flags         UInt8,
    event_name          LowCardinality(String),
    resource            LowCardinality(String),
    scope_name          LowCardinality(String),
    scope_version       LowCardinality(String),
    scope_attributes    LowCardinality(String),
    attributes_string   Map(LowCardinality(String), String),
    attributes_int      Map(LowCardinality(String), Int64),
    attributes_float    Map(LowCardinality(String), Float64),
    attributes_bool     Map(LowCardinality(String), Bool),
    attributes_json     Map(LowCardinality(String), String),
    commit_id           UInt64,
    expires_on          Date,

    INDEX without_skeleton skeleton TYPE minmax GRANULARITY 1,
    INDEX skeleton_words tokens(skeleton) TYPE bloom_filter(0.005) GRANULARITY 1,
    INDEX body_words tokens(lower(body)) TYPE bloom_filter(0.05) GRANULARITY 1,
    INDEX by_time timestamp TYPE minmax GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.1) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toDate32(timestamp, 'UTC')
ORDER BY (tenant, hour, service, template_id, timestamp)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 8192, ttl_only_drop_parts = 0;

INSERT INTO nexus.migrations (version, name) VALUES (1, 'logs');

ALTER TABLE nexus.logs ON CLUSTER 'nexus' DROP INDEX IF EXISTS by_trace;

ALTER TABLE nexus.logs ON CLUSTER 'nexus' ADD INDEX IF NOT EXISTS by_trace trace_id TYPE bloom_filter(0.025) GRANULARITY 1;

INSERT INTO nexus.migrations (version, name) VALUES (2, 'trace_index');

CREATE TABLE IF NOT EXISTS nexus.metric_chunks ON CLUSTER 'nexus'
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
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY day
ORDER BY (tenant, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 64, ttl_only_drop_parts = 0;

CREATE TABLE IF NOT EXISTS nexus.metric_series ON CLUSTER 'nexus'
(
    tenant      LowCardinality(String),
    metric      LowCardinality(String),
    series      FixedString(16) CODEC(NONE),
    labels      SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(1)),
    day         Date EPHEMERAL,
    days        SimpleAggregateFunction(groupUniqArrayArray, Array(Date)) DEFAULT [day],
    expires_on  SimpleAggregateFunction(max, Date)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
ORDER BY (tenant, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 0;

CREATE TABLE IF NOT EXISTS nexus.metric_exemplars ON CLUSTER 'nexus'
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
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY day
ORDER BY (tenant, metric, series, time)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 0;

CREATE TABLE IF NOT EXISTS nexus.metric_metadata ON CLUSTER 'nexus'
(
    tenant      LowCardinality(String),
    metric      String,
    kind        UInt8,
    unit        LowCardinality(String),
    help        String,
    seen        Int64
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', seen)
ORDER BY (tenant, metric)
SETTINGS storage_policy = 'nexus', index_granularity = 1024;

INSERT INTO nexus.migrations (version, name) VALUES (3, 'metrics');

CREATE TABLE IF NOT EXISTS nexus.metric_rollups ON CLUSTER 'nexus'
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
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', built)
PARTITION BY day
ORDER BY (tenant, tier, metric, series)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 256, ttl_only_drop_parts = 0;

INSERT INTO nexus.migrations (version, name) VALUES (4, 'metric_rollups');

CREATE TABLE IF NOT EXISTS nexus.spans ON CLUSTER 'nexus'
(
    tenant              LowCardinality(String),
    slot                UInt32,
    trace_id            FixedString(16) CODEC(ZSTD(1)),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration            UInt64 CODEC(T64('bit'), ZSTD(1)),
    duration_class      UInt8,
    ids                 FixedString(16) CODEC(ZSTD(1)),
    span_id             FixedString(8) ALIAS toFixedString(substring(ids, 1, 8), 8),
    parent_span_id      FixedString(8) ALIAS toFixedString(substring(ids, 9, 8), 8),
    root                Bool,
    name                LowCardinality(String),
    kind                UInt8,
    status              UInt8,
    status_message      LowCardinality(String),
    service             LowCardinality(String),
    trace_state         LowCardinality(String),
    flags               UInt32,
    resource            LowCardinality(String),
    scope_name          LowCardinality(String),
    scope_version       LowCardinality(String),
    scope_attributes    LowCardinality(String),
    attributes_string   Map(LowCardinality(String), String),
    attributes_int      Map(LowCardinality(String), Int64),
    attributes_float    Map(LowCardinality(String), Float64),
    attributes_bool     Map(LowCardinality(String), Bool),
    attributes_json     Map(LowCardinality(String), String),
    dropped_attributes  UInt32,
    dropped_events      UInt32,
    dropped_links       UInt32,
    events_timestamp    Array(DateTime64(9, 'UTC')),
    events_name         Array(LowCardinality(String)),
    events_attributes   Array(String),
    links_trace_id      Array(FixedString(16)),
    links_span_id       Array(FixedString(8)),
    links_trace_state   Array(String),
    links_attributes    Array(String),
    weight              Float32,
    commit_id           UInt64,
    pending             UInt32,
    expires_on          Date,

    INDEX by_time timestamp TYPE minmax GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_attribute mapKeys(attributes_string) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_value mapValues(attributes_string) TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY (toDate32(timestamp, 'UTC'), pending)
ORDER BY (tenant, slot, trace_id, timestamp)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 8192, ttl_only_drop_parts = 0;

INSERT INTO nexus.migrations (version, name) VALUES (5, 'spans');

CREATE TABLE IF NOT EXISTS nexus.trace_decisions ON CLUSTER 'nexus'
(
    tenant      LowCardinality(String),
    trace_id    FixedString(16) CODEC(ZSTD(1)),
    rule        LowCardinality(String),
    weight      Float32,
    slice       UInt32,
    decided_at  DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    expires_at  DateTime('UTC') CODEC(Delta(4), ZSTD(1))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')
PARTITION BY toStartOfHour(decided_at, 'UTC')
ORDER BY (tenant, trace_id)
TTL expires_at DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS nexus.trace_baselines ON CLUSTER 'nexus'
(
    tenant      LowCardinality(String),
    slice       UInt32,
    service     LowCardinality(String),
    name        LowCardinality(String),
    durations   AggregateFunction(quantileDD(0.01, 0.5), UInt64),
    spans       UInt64,
    counted_at  DateTime('UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}', counted_at)
ORDER BY (tenant, slice, service, name)
TTL counted_at + INTERVAL 2 HOUR DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 1024;

INSERT INTO nexus.migrations (version, name) VALUES (6, 'sampling');

