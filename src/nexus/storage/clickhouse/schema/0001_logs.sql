-- Logs. One table for all tenants; a part holds one day.
-- Sorted by hour, service and template: like lines lie together, which halves the body (ADR 0003).
-- `skeleton` is the body in ASCII lower case with every alphanumeric run that holds a digit replaced by `*` ('' for rare
-- kinds of line beyond a budget: then only the body knows; a minmax index finds their granules). A word without a digit is
-- looked up in the skeletons, once per distinct one; a word with a digit can only be in the body. Bloom filters on the words
-- of both find their granules. Together they replace an inverted index of 10 B a record by 1.3 B (ADR 0003).
-- {engine} and {on_cluster} are filled in by the migrator; learned attribute columns are added beside the maps.
CREATE TABLE IF NOT EXISTS nexus.logs {on_cluster}
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
ENGINE = {engine}
PARTITION BY toDate32(timestamp, 'UTC')
ORDER BY (tenant, hour, service, template_id, timestamp)
TTL expires_on DELETE
SETTINGS storage_policy = 'nexus', index_granularity = 8192, ttl_only_drop_parts = 0;
