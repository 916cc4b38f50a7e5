//! The native module `nexus._native`: a thin layer over `nexus-core`. Each function takes its arguments out of Python,
//! releases the interpreter, calls the core, and hands back the result. See `src/nexus/_native.pyi` for the surface.

mod batch;
mod decode;
mod encode;
mod error;
mod foreign;
mod logql;
mod metrics;
mod process;
mod select;
mod sockets;
mod traces;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::batch::LogBatch;
    #[pymodule_export]
    use crate::decode::{
        Decoded, decode_json_lines, decode_otlp_logs_json, decode_otlp_logs_protobuf, decompress, fingerprint,
        mask_template,
    };
    #[pymodule_export]
    use crate::encode::{SkeletonMemory, encode_native, render_records};
    #[pymodule_export]
    use crate::error::{BadEncoding, DecodeError, TooLarge, UnknownEncoding};
    #[pymodule_export]
    use crate::foreign::{
        BulkItems, FieldMapping, decode_datadog, decode_elasticsearch_bulk, decode_firehose, decode_journald,
        decode_loki_json, decode_loki_protobuf, decode_splunk_events, decode_splunk_raw,
    };
    #[pymodule_export]
    use crate::logql::{
        LogqlEntries, LogqlFields, LogqlMatrix, LogqlRange, logql_check, logql_evaluate, logql_line, logql_patterns,
        logql_streams,
    };
    #[pymodule_export]
    use crate::metrics::batch::{DecodedMetrics, MetricBatch};
    #[pymodule_export]
    use crate::metrics::chart::metric_chart;
    #[pymodule_export]
    use crate::metrics::engine::{
        Appended, HeadFull, LogFull, MetricLimits, MetricsEngine, Rollup, Sealed, cut_chunks, cut_rollups,
    };
    #[pymodule_export]
    use crate::metrics::exposition::decode_exposition;
    #[pymodule_export]
    use crate::metrics::group::{missing_series, replace_families, restamp};
    #[pymodule_export]
    use crate::metrics::lines::{StatsdAggregator, decode_graphite, decode_influx};
    #[pymodule_export]
    use crate::metrics::otlp::OtlpMetrics;
    #[pymodule_export]
    use crate::metrics::query::{
        ChunkRows, MetricLimitExceeded, MetricQueryCanceled, MetricQueryError, MetricQueryTimeout, Reading, Run,
        Selection,
    };
    #[pymodule_export]
    use crate::metrics::relabel::Relabel;
    #[pymodule_export]
    use crate::metrics::remote_write::{decode_remote_write_v1, decode_remote_write_v2, encode_remote_write};
    #[pymodule_export]
    use crate::metrics::scrape::{ScrapeCache, Scraped};
    #[pymodule_export]
    use crate::metrics::tsdb_block::TsdbBlock;
    #[pymodule_export]
    use crate::process::{Pipelines, Processed, Traced};
    #[pymodule_export]
    use crate::select::{Filter, Masks, render_batch};
    #[pymodule_export]
    use crate::sockets::{ForwardStream, SyslogFramer, decode_forward, decode_syslog};
    #[pymodule_export]
    use crate::traces::batch::SpanBatch;
    #[pymodule_export]
    use crate::traces::decode::{
        DecodedSpans, decode_jaeger_datagrams, decode_jaeger_protobuf, decode_jaeger_thrift_binary,
        decode_jaeger_thrift_compact, decode_otlp_traces_json, decode_otlp_traces_protobuf, decode_trace_file,
        decode_zipkin_json,
    };
    #[pymodule_export]
    use crate::traces::derive::SpanDeriver;
    #[pymodule_export]
    use crate::traces::encode::{encode_native_spans, encode_otlp_traces};
    #[pymodule_export]
    use crate::traces::render::{
        order_traces, render_span, render_spans_jaeger, render_spans_jaeger_protobuf, render_spans_otlp_json,
        render_spans_otlp_protobuf, render_spans_zipkin, render_trace, render_traces_otlp_protobuf,
        render_traces_zipkin, spans_of_file, sum_critical_paths,
    };
    #[pymodule_export]
    use crate::traces::spansets::{evaluate_spansets, matching_spans};
    #[pymodule_export]
    use crate::version;
}

/// Version of the native module.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
