-- Spans. One table for all tenants; a part holds one day (of the span's start).
-- Sorted by slot (five minutes) and trace: the spans of a trace lie together, so that trace ids cost a byte or two instead of
-- sixteen, key and filter together find any trace, and the newest slots answer most searches (ADR 0019).
-- `ids` is the span's id and then its parent's: in one column a parent's id is found again a few rows before, which costs two
-- bytes instead of five. `root` says that there is no parent (zeros), for one byte that is read instead of sixteen.
-- `duration_class` is four classes an octave (see `nexus-core/src/traces/duration.rs`): one byte that searches, heatmaps and
-- quantiles read instead of eight.
-- `pending` is 0 but for spans of tenants that sample (ADR 0021): until their trace is decided it is the slice of time in which
-- they arrived, and a partition of its own that goes as a whole.
-- `weight` is how many spans this one stands for: 1 / the probability with which it was kept.
-- {engine} and {on_cluster} are filled in by the migrator; learned attribute columns are added beside the maps, those with
-- many values with a filter of their own.
CREATE TABLE IF NOT EXISTS nexus.spans {on_cluster}
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
ENGINE = {engine}
PARTITION BY (toDate32(timestamp, 'UTC'), pending)
ORDER BY (tenant, slot, trace_id, timestamp)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 8192, ttl_only_drop_parts = 0;
