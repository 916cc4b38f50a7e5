//! What is fuzzed: every function that takes bytes from strangers, and what must hold of its answer.

use crate::samples;
use nexus_core::batch::LogBatch;
use nexus_core::decode::{DecodeError, Decoded};
use nexus_core::decompress::{Encoding, decompress};
use nexus_core::envelope::{from_ipc, to_ipc, to_record_batch};
use nexus_core::foreign;
use nexus_core::forward::decode_forward;
use nexus_core::forward::stream::Stream;
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_core::limits::{MAX_EVENTS, MAX_LINKS};
use nexus_core::live::render_batch;
use nexus_core::logql;
use nexus_core::metrics;
use nexus_core::metrics::exposition::protobuf::Taking;
use nexus_core::metrics::exposition::{Format, import};
use nexus_core::metrics::graphite::decode_graphite;
use nexus_core::metrics::influx::decode_influx;
use nexus_core::metrics::otlp::delta::Deltas;
use nexus_core::metrics::relabel::{Relabel, RuleSpec};
use nexus_core::metrics::scrape;
use nexus_core::metrics::statsd::{Aggregator, Histograms};
use nexus_core::metrics::tsdb_block::{Block, ChunkFiles};
use nexus_core::native::attributes::{AttributeType, PromotedColumn};
use nexus_core::native::logs::{LogBlockOptions, encode_logs};
use nexus_core::native::memory::SkeletonMemory;
use nexus_core::native::retention::Retention;
use nexus_core::otlp::{decode_logs_json, decode_logs_protobuf};
use nexus_core::process::{Context, Pipelines};
use nexus_core::select::Filter;
use nexus_core::syslog::charset::Charset;
use nexus_core::syslog::frames::{Frames, push_message, push_source};
use nexus_core::syslog::framing::Framer;
use nexus_core::syslog::timestamp::Zone;
use nexus_core::syslog::{Options, decode_syslog};
use nexus_core::template::mask_template;
use nexus_core::traces::native::{SpanBlockOptions, encode_spans};
use nexus_core::traces::preview::preview;
use nexus_core::traces::{self, SpanBatch};
use nexus_series::labels::{pack, unpack};
use nexus_series::starts::StartTimes;
use nexus_tsdb::chunk;
use nexus_tsdb::chunk::windows::{ALL, COLUMNS};
use nexus_tsdb::engine::tables::{cut_chunks, cut_rollups};
use std::sync::{Arc, OnceLock};

const NOW: i64 = 1_700_000_000_000_000_000;
/// Limit given to [`decompress`]: small, so that inputs that meet it are quick.
const DECOMPRESSED: usize = 4 << 20;

/// What to check when the time and memory of a run have been measured.
pub type Check = Option<Box<dyn FnOnce()>>;

/// A fuzz target.
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Feed an input. It and the check panic when something does not hold.
    pub run: fn(&[u8]) -> Check,
    /// Inputs to begin with.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Large inputs of the kinds that cost most for their size; each is run once.
    pub heavy: fn() -> Vec<Vec<u8>>,
    /// What the format is made of.
    pub tokens: &'static [&'static [u8]],
    /// Are inputs protobuf messages?
    pub protobuf: bool,
}

impl Target {
    /// Live memory that any input may take, however short.
    pub fn floor(&self) -> usize {
        // A few bytes can ask `pco` for its largest tables (256 MiB). Only a checksum that fits, as a fuzzer makes it, gets so far.
        if self.name == "metric_chunks" { 320 << 20 } else { 64 << 20 }
    }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "exposition",
        run: exposition,
        samples: samples::exposition::small,
        heavy: samples::exposition::heavy,
        tokens: samples::exposition::TOKENS,
        protobuf: false,
    },
    Target {
        name: "exposition_protobuf",
        run: exposition_protobuf,
        samples: samples::exposition::messages,
        heavy: samples::compressed::none,
        tokens: &[],
        protobuf: true,
    },
    Target {
        name: "relabel",
        run: relabel,
        samples: samples::exposition::rules,
        heavy: samples::compressed::none,
        tokens: samples::exposition::RULE_TOKENS,
        protobuf: false,
    },
    Target {
        name: "json_lines",
        run: json_lines,
        samples: samples::json_lines::small,
        heavy: samples::json_lines::heavy,
        tokens: samples::json_lines::TOKENS,
        protobuf: false,
    },
    Target {
        name: "otlp_protobuf",
        run: |input| decoded(decode_logs_protobuf(input, NOW)),
        samples: samples::otlp::small,
        heavy: samples::otlp::heavy,
        tokens: &[
            b"service.name",
            b"\xff\xff\xff\xff\x0f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\xed\xa0\x80",
        ],
        protobuf: true,
    },
    Target {
        name: "otlp_json",
        run: |input| decoded(decode_logs_json(input, NOW)),
        samples: samples::otlp_json::small,
        heavy: samples::otlp_json::heavy,
        tokens: samples::otlp_json::TOKENS,
        protobuf: false,
    },
    Target {
        name: "remote_write",
        run: |input| metrics(metrics::remote_write::decode_v1(input)),
        samples: samples::metrics::remote_write,
        heavy: samples::metrics::heavy_protobuf,
        tokens: &[b"__name__", b"\xff\xff\xff\xff\x0f", b"\xed\xa0\x80"],
        protobuf: true,
    },
    Target {
        name: "remote_write_v2",
        run: |input| metrics(metrics::remote_write::decode_v2(input)),
        samples: samples::metrics::remote_write_v2,
        heavy: samples::metrics::heavy_v2,
        tokens: &[b"__name__", b"\xff\xff\xff\xff\x0f", b"\xed\xa0\x80"],
        protobuf: true,
    },
    Target {
        name: "spans_protobuf",
        run: |input| spans(traces::decode_traces_protobuf(input, NOW)),
        samples: samples::spans::protobuf,
        heavy: samples::spans::protobuf_heavy,
        tokens: &[],
        protobuf: true,
    },
    Target {
        name: "spans_json",
        run: |input| spans(traces::decode_traces_json(input, NOW)),
        samples: samples::spans::json,
        heavy: samples::spans::json_heavy,
        tokens: samples::spans::TOKENS,
        protobuf: false,
    },
    Target {
        name: "zipkin",
        run: |input| spans(traces::decode_zipkin_json(input, NOW)),
        samples: samples::spans::zipkin,
        heavy: samples::spans::zipkin_heavy,
        tokens: samples::spans::TOKENS,
        protobuf: false,
    },
    Target {
        name: "jaeger_binary",
        run: |input| spans(traces::decode_jaeger_binary(input, NOW)),
        samples: samples::spans::jaeger_binary,
        heavy: samples::spans::thrift_heavy,
        tokens: &[],
        protobuf: false,
    },
    Target {
        name: "jaeger_compact",
        run: |input| spans(traces::decode_jaeger_compact(input, NOW)),
        samples: samples::spans::jaeger_compact,
        heavy: samples::spans::thrift_heavy,
        tokens: &[],
        protobuf: false,
    },
    Target {
        name: "jaeger_datagrams",
        run: |input| spans(traces::decode_jaeger_datagrams(input, NOW, true)),
        samples: samples::spans::jaeger_datagrams,
        heavy: samples::spans::thrift_heavy,
        tokens: &[],
        protobuf: false,
    },
    Target {
        name: "jaeger_protobuf",
        run: |input| spans(traces::decode_jaeger_protobuf(input, NOW)),
        samples: samples::spans::jaeger_protobuf,
        heavy: samples::spans::jaeger_protobuf_heavy,
        tokens: &[],
        protobuf: true,
    },
    Target {
        name: "otlp_metrics_protobuf",
        run: |input| otlp_metrics(input, metrics::otlp::decode_metrics_protobuf),
        samples: samples::metrics::otlp,
        heavy: samples::metrics::heavy_protobuf,
        tokens: &[b"service.name", b"\xff\xff\xff\xff\x0f", b"\xed\xa0\x80"],
        protobuf: true,
    },
    Target {
        name: "otlp_metrics_json",
        run: |input| otlp_metrics(input, metrics::otlp::decode_metrics_json),
        samples: samples::metrics::otlp_json,
        heavy: samples::metrics::heavy_json,
        tokens: samples::metrics::JSON_TOKENS,
        protobuf: false,
    },
    Target {
        name: "metric_lines",
        run: metric_lines,
        samples: samples::metrics::lines,
        heavy: samples::metrics::heavy_lines,
        tokens: samples::metrics::TOKENS,
        protobuf: false,
    },
    Target {
        name: "tsdb_block",
        run: tsdb_block,
        samples: samples::metrics::blocks,
        heavy: Vec::new,
        tokens: &[b"\xba\xaa\xd7\x00\x02", b"\x85\xbd\x40\xdd\x01", b"\xff\xff\xff\xff\x0f"],
        protobuf: false,
    },
    Target {
        name: "tsdb_chunk",
        run: tsdb_chunk,
        samples: samples::metrics::chunks,
        heavy: Vec::new,
        tokens: &[],
        protobuf: false,
    },
    Target {
        name: "loki_protobuf",
        run: |input| mapped(input, |body, mapping| foreign::decode_loki_protobuf(body, NOW, mapping)),
        samples: samples::foreign::loki_protobuf,
        heavy: samples::foreign::heavy_loki_protobuf,
        tokens: &[b"{app=\"x\"}", b"level", b"trace_id", b"\\u00e9", b"`", b"\xed\xa0\x80"],
        protobuf: false,
    },
    foreign_json("loki_json", samples::foreign::loki_json, |input| {
        mapped(input, |body, mapping| foreign::decode_loki_json(body, NOW, mapping))
    }),
    foreign_json("splunk_events", samples::foreign::splunk, |input| {
        mapped(input, |body, mapping| foreign::decode_splunk_events(body, NOW, mapping, &[]))
    }),
    foreign_json("splunk_raw", samples::foreign::splunk, |input| {
        mapped(input, |body, mapping| foreign::decode_splunk_raw(body, NOW, mapping, &defaults()))
    }),
    foreign_json("datadog", samples::foreign::datadog, |input| {
        mapped(input, |body, mapping| foreign::decode_datadog(body, NOW, mapping, &defaults()))
    }),
    foreign_json("firehose", samples::foreign::firehose, |input| {
        mapped(input, |body, mapping| foreign::decode_firehose(body, NOW, mapping, &defaults(), DECOMPRESSED))
    }),
    foreign_json("journald", samples::foreign::journald, |input| {
        mapped(input, |body, mapping| foreign::decode_journald(body, NOW, mapping))
    }),
    foreign_json("elasticsearch", samples::foreign::elasticsearch, elasticsearch),
    Target {
        name: "syslog",
        run: syslog,
        samples: samples::syslog::small,
        heavy: samples::syslog::heavy,
        tokens: samples::syslog::TOKENS,
        protobuf: false,
    },
    Target {
        name: "syslog_framing",
        run: syslog_framing,
        samples: samples::syslog::streams,
        heavy: samples::syslog::heavy,
        tokens: samples::syslog::TOKENS,
        protobuf: false,
    },
    Target {
        name: "forward",
        run: |input| decoded(decode_forward(input, NOW, DECOMPRESSED)),
        samples: samples::forward::small,
        heavy: samples::forward::heavy,
        tokens: samples::forward::TOKENS,
        protobuf: false,
    },
    Target {
        name: "forward_stream",
        run: forward_stream,
        samples: samples::forward::small,
        heavy: samples::forward::heavy,
        tokens: samples::forward::TOKENS,
        protobuf: false,
    },
    decompression("gzip", |input| decompressed(input, Encoding::Gzip), samples::compressed::gzip),
    decompression("deflate", |input| decompressed(input, Encoding::Deflate), samples::compressed::deflate),
    decompression("zstd", |input| decompressed(input, Encoding::Zstd), samples::compressed::zstd),
    decompression("snappy", |input| decompressed(input, Encoding::Snappy), samples::compressed::snappy),
    Target {
        name: "envelope",
        run: envelope,
        samples: samples::envelope::small,
        heavy: Vec::new,
        tokens: &[b"ARROW1", b"nexus.signal", b"nexus.envelope", b"\xff\xff\xff\xff"],
        protobuf: false,
    },
    Target {
        name: "pipelines",
        run: pipelines,
        samples: samples::pipelines::small,
        heavy: samples::pipelines::heavy,
        tokens: samples::pipelines::TOKENS,
        protobuf: false,
    },
    Target {
        name: "pipeline_spec",
        run: pipeline_spec,
        samples: samples::pipelines::specs,
        heavy: samples::pipelines::none,
        tokens: samples::pipelines::TOKENS,
        protobuf: false,
    },
    Target {
        name: "filter",
        run: filter,
        samples: samples::filter::small,
        heavy: samples::filter::heavy,
        tokens: samples::filter::TOKENS,
        protobuf: false,
    },
    Target {
        name: "template",
        run: template,
        samples: samples::template::small,
        heavy: samples::template::heavy,
        tokens: samples::template::TOKENS,
        protobuf: false,
    },
    Target {
        name: "logql_line",
        run: logql_line,
        samples: samples::logql::lines,
        heavy: samples::logql::heavy,
        tokens: samples::logql::LINE_TOKENS,
        protobuf: false,
    },
    Target {
        name: "logql_text",
        run: logql_text,
        samples: samples::logql::texts,
        heavy: Vec::new,
        tokens: samples::logql::TEXT_TOKENS,
        protobuf: false,
    },
    Target {
        name: "metric_chunks",
        run: metric_chunks,
        samples: samples::metric_chunks::small,
        heavy: samples::metric_chunks::heavy,
        tokens: &[b"\x10", b"\x11", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x01"],
        protobuf: false,
    },
];

/// Whatever is accepted is packed labels with ranges that fit, and is read again as it was when it is written.
fn metrics(result: Result<metrics::Decoded, DecodeError>) -> Check {
    let decoded = result.ok()?;
    Some(Box::new(move || {
        let batch = &decoded.batch;
        assert_eq!(batch.timestamps.len(), batch.values.len());
        for series in &batch.series {
            let labels = batch.labels_of(series);
            let packed = pack(unpack(labels));
            assert_eq!(packed, labels, "labels are not packed");
            assert!(unpack(labels).any(|(name, value)| name == "__name__" && !value.is_empty()));
            assert!(series.floats.end <= batch.values.len() && series.histograms.end <= batch.histograms.len());
        }
        assert!(decoded.rejections.first().len() as u64 <= decoded.rejections.count());
        let count = batch.series.len();
        // What is written of little and becomes much is refused (see `BatchBuilder::in_proportion`).
        let small = batch.num_bytes() + 128 * batch.histograms.len() < 12 << 20;
        let first =
            small.then(|| metrics::remote_write::decode_v1(&metrics::remote_write_encode::encode_v1(batch, 0..count)));
        let second =
            small.then(|| metrics::remote_write::decode_v2(&metrics::remote_write_encode::encode_v2(batch, 0..count)));
        for again in [first, second].into_iter().flatten() {
            let again = again.expect("what was written is a request");
            assert_eq!(again.rejections.first(), [], "what was accepted is refused");
            assert_eq!((again.batch.labels == batch.labels, again.batch.values.len()), (true, batch.values.len()));
        }
        metrics::render::render(batch, 3);
        metrics::group::replace_families(batch, &metrics::group::restamp(batch, 1, false));
    }))
}

type DecodeOtlp = fn(&[u8], u64, &metrics::otlp::Options, &Deltas, &str) -> Result<metrics::Decoded, DecodeError>;

fn otlp_metrics(input: &[u8], decode: DecodeOtlp) -> Check {
    let options = metrics::otlp::Options {
        promoted: vec!["host.name".to_owned()],
        scope_labels: true,
        custom_buckets: input.len() % 2 == 1,
        ..metrics::otlp::Options::default()
    };
    let deltas = Deltas::new(1 << 16);
    let check = metrics(decode(input, NOW as u64, &options, &deltas, "t"));
    assert!(deltas.size().1 <= 2 << 20, "totals beyond their bound");
    check
}

/// The first byte chooses the protocol.
fn metric_lines(input: &[u8]) -> Check {
    let (choice, body) = input.split_first().unwrap_or((&0, &[]));
    let aggregated = |histograms| {
        let mut aggregator = Aggregator::new(histograms, 1000);
        aggregator.feed(body, 5);
        let (decoded, tally) = aggregator.flush(6);
        assert!(tally.malformed >= tally.errors.len() as u64 && aggregator.len() <= 1000);
        decoded
    };
    metrics(Ok(match choice % 4 {
        0 => decode_influx(body, &metrics::influx::Options { unit_ns: 1, now_ms: 5, database: "d" }),
        1 => decode_graphite(body, 5),
        2 => aggregated(Histograms::Native),
        _ => aggregated(Histograms::Classic(vec![0.1, 1.0])),
    }))
}

struct OneFile<'a>(&'a [u8]);

impl ChunkFiles for OneFile<'_> {
    fn read(&mut self, _file: u32, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let rest = self.0.get(offset as usize..).unwrap_or_default();
        Ok(rest[..length.min(rest.len())].to_vec())
    }
}

/// Four bytes say how long the index is; chunks follow it, and are the tombstones, too.
fn tsdb_block(input: &[u8]) -> Check {
    let (length, rest) = input.split_first_chunk::<4>()?;
    let (index, chunks) = rest.split_at((u32::from_be_bytes(*length) as usize).min(rest.len()));
    let _ = Block::open(index.to_vec(), chunks);
    let mut block = Block::open(index.to_vec(), b"").ok()?;
    let mut rounds = 0;
    while let Some(decoded) = block.next(10, &mut OneFile(chunks)) {
        if let Some(check) = metrics(Ok(decoded)) {
            check();
        }
        rounds += 1;
        assert!(rounds <= index.len() + 1, "the block does not end");
    }
    None
}

fn tsdb_chunk(input: &[u8]) -> Check {
    let (encoding, data) = input.split_first()?;
    let samples = metrics::tsdb_chunk::decode(*encoding, data).ok()?;
    let count = match samples {
        metrics::tsdb_chunk::Samples::Floats(samples) => samples.len(),
        metrics::tsdb_chunk::Samples::Histograms(samples) => samples.len(),
    };
    assert!(count <= usize::from(u16::MAX));
    None
}

const fn decompression(name: &'static str, run: fn(&[u8]) -> Check, samples: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, samples, heavy: samples::compressed::none, tokens: &[], protobuf: false }
}

/// The first byte chooses the mapping of fields, the rest is the body.
fn json_lines(input: &[u8]) -> Check {
    let (choice, body) = input.split_first().unwrap_or((&0, &[]));
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mapping = match choice % 3 {
        0 => FieldMapping::default(),
        1 => FieldMapping {
            time_fields: Some(names(&["t", "a.t"])),
            message_fields: Some(names(&["m", "a"])),
            level_fields: Some(names(&["l"])),
            stream_fields: names(&["a.b", "service", "m"]),
            ignore_fields: names(&["x", "y*", "a.c*"]),
            extra_fields: vec![("env".to_owned(), "test".to_owned()), ("a".to_owned(), "b".to_owned())],
        },
        _ => FieldMapping { stream_fields: names(&["_stream", "level", "trace_id"]), ..FieldMapping::default() },
    };
    decoded(decode_json_lines(body, NOW, &mapping))
}

const fn foreign_json(name: &'static str, samples: fn() -> Vec<Vec<u8>>, run: fn(&[u8]) -> Check) -> Target {
    Target { name, run, samples, heavy: samples::foreign::heavy, tokens: samples::foreign::TOKENS, protobuf: false }
}

fn defaults() -> Vec<(String, String)> {
    [("host.name", "h"), ("service", "s"), ("ddtags", "a:b,c")].map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
}

/// The first byte chooses the mapping.
fn mapped(input: &[u8], decode: impl FnOnce(&[u8], &FieldMapping) -> Result<Decoded, DecodeError>) -> Check {
    let (choice, body) = input.split_first().unwrap_or((&0, &[]));
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let mapping = if choice % 2 == 0 {
        FieldMapping::default()
    } else {
        FieldMapping {
            time_fields: Some(names(&["t", "a"])),
            message_fields: Some(names(&["m"])),
            stream_fields: names(&["a.b", "service", "app"]),
            ignore_fields: names(&["x", "e*"]),
            extra_fields: vec![("env".to_owned(), "test".to_owned())],
            ..FieldMapping::default()
        }
    };
    decoded(decode(body, &mapping))
}

fn elasticsearch(input: &[u8]) -> Check {
    let mut rejected = 0;
    let mut items = None;
    let check = mapped(input, |body, mapping| {
        let bulk = foreign::decode_elasticsearch_bulk(body, NOW, mapping, "")?;
        assert_eq!(bulk.items.len() as u64, bulk.decoded.accepted() as u64 + bulk.decoded.rejections.count());
        rejected = bulk.decoded.rejections.count();
        items = Some(bulk.items);
        Ok(bulk.decoded)
    });
    if let Some(items) = items {
        let text = String::from_utf8(items.render(1, false, None)).expect("an answer is text");
        assert!(text.matches("\"status\":400").count() as u64 >= rejected);
        items.render(1, true, Some("busy"));
    }
    check
}

/// Lines are messages; the first byte chooses charset and zone. An input that is framed already is decoded as it is, too.
fn syslog(input: &[u8]) -> Check {
    let (choice, rest) = input.split_first().unwrap_or((&0, &[]));
    let options = Options {
        charset: [Charset::Utf8, Charset::Latin1, Charset::Windows1252][usize::from(choice % 3)],
        zone: Zone::new(vec![(0, 3600), (NOW / 1_000_000_000, 7200)]),
    };
    let mut body = Vec::new();
    push_source(&mut body, b"192.0.2.1");
    let lines: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    lines.iter().for_each(|line| push_message(&mut body, line, u32::from(*choice)));
    let result = decode_syslog(&body, NOW, &options);
    if let Ok(decoded) = &result {
        assert_eq!(decoded.accepted() as u64 + decoded.rejections.count(), lines.len() as u64, "a message is lost");
    }
    let _ = decode_syslog(input, NOW, &options);
    decoded(result)
}

/// A stream gives the same messages however it is cut, within the bounds.
fn syslog_framing(input: &[u8]) -> Check {
    const MAX: usize = 4096;
    let (choice, stream) = input.split_first().unwrap_or((&0, &[]));
    let split = |size: usize| {
        let mut framer = Framer::new(b"192.0.2.1", MAX);
        let mut body = Vec::new();
        for piece in stream.chunks(size) {
            framer.feed(piece);
            body.extend(framer.take().0);
            assert!(framer.num_bytes() <= MAX);
        }
        framer.finish();
        body.extend(framer.take().0);
        let mut frames = Frames::new(&body);
        assert!(frames.by_ref().all(|frame| frame.text.len() <= MAX));
        assert!(!frames.broken());
        body
    };
    let whole = split(usize::MAX);
    // Whether lines end with NUL is told by what came at one time.
    if !stream.contains(&0) {
        let messages =
            |body: &[u8]| Frames::new(body).map(|frame| (frame.text.to_vec(), frame.cut)).collect::<Vec<_>>();
        let pieces = split(usize::from(*choice) + 1);
        assert!(messages(&whole) == messages(&pieces), "the pieces of a stream matter");
    }
    None
}

/// The first byte chooses the stages, the rest is the line.
fn logql_line(input: &[u8]) -> Check {
    let (choice, line) = input.split_first().unwrap_or((&0, &[]));
    let stages = samples::logql::STAGES[usize::from(*choice) % samples::logql::STAGES.len()];
    let program = logql::Program::read(&format!("{{\"stages\":[{stages}]}}")).expect("the stages are valid");
    let line = String::from_utf8_lossy(line);
    let (_, _, labels, _) = logql::check_line(&program, &line);
    assert!(labels.len() <= 1000);
    assert!(labels.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
    assert!(labels.windows(2).all(|pair| pair[0].0 < pair[1].0), "labels are unique");
    None
}

/// A text that a query may hold, in every place where one is compiled; a template is also rendered.
fn logql_text(input: &[u8]) -> Check {
    let Ok(text) = std::str::from_utf8(input) else { return None };
    for kind in ["regex", "pattern", "filter-pattern", "ip"] {
        drop(logql::check(kind, text));
    }
    if logql::check("template", text).is_ok() {
        let mut quoted = Vec::new();
        nexus_core::json::writer::write_string(&mut quoted, text.as_bytes());
        let quoted = String::from_utf8(quoted).expect("text stays text");
        let stages = format!("{{\"stages\":[{{\"t\":\"logfmt\"}},{{\"t\":\"line_format\",\"template\":{quoted}}}]}}");
        let program = logql::Program::read(&stages).expect("checked");
        logql::check_line(&program, "a=1 b=text c=\"[1,2,{}]\" d=1m30s");
    }
    None
}

/// A stream gives the same messages however it is cut.
fn forward_stream(input: &[u8]) -> Check {
    const MAX: usize = 1 << 20;
    let (choice, bytes) = input.split_last().unwrap_or((&0, &[]));
    let split = |size: usize| {
        let mut stream = Stream::new(MAX);
        let mut parts = Vec::new();
        for piece in bytes.chunks(size) {
            let result = stream.feed(piece);
            for part in stream.take() {
                match parts.last_mut() {
                    Some((body, chunk)) if Vec::is_empty(chunk) && part.chunk.is_empty() => {
                        Vec::extend(body, part.body)
                    }
                    _ => parts.push((part.body, part.chunk)),
                }
            }
            if result.is_err() {
                break;
            }
            assert!(stream.num_bytes() <= MAX + size.min(bytes.len()));
        }
        parts
    };
    assert!(split(usize::MAX) == split(usize::from(*choice) + 1), "the pieces of a stream matter");
    None
}

fn decoded(result: Result<Decoded, DecodeError>) -> Check {
    match result {
        Ok(decoded) => {
            let first = decoded.rejections.first();
            assert!(first.len() as u64 <= decoded.rejections.count());
            assert!(first.iter().all(|(number, message)| *number > 0 && !message.is_empty()));
            Some(Box::new(move || batch(&decoded.batch)))
        }
        Err(error) => {
            assert!(!error.0.is_empty());
            None
        }
    }
}

/// Spans can be shown, divided, joined and stored.
fn spans(result: Result<Decoded<SpanBatch>, DecodeError>) -> Check {
    let decoded = match result {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    Some(Box::new(move || {
        let batch = &decoded.batch;
        assert!(decoded.rejections.first().len() as u64 <= decoded.rejections.count());
        assert_eq!(batch.days().iter().map(|day| day.1).sum::<u64>(), batch.num_rows() as u64);
        assert_eq!(batch.services().iter().map(|service| service.1).sum::<u64>(), batch.num_rows() as u64);
        for row in 0..batch.num_rows() {
            assert!(batch.trace_ids[row] != [0; 16] && batch.span_ids[row] != [0; 8] && batch.timestamps[row] >= 0);
            assert!(batch.kinds[row] <= 5 && batch.statuses[row] <= 2 && batch.weights[row] >= 1.0);
            assert!(batch.events.row(row).len() <= MAX_EVENTS && batch.links.row(row).len() <= MAX_LINKS);
        }
        for shown in preview(batch, 100) {
            assert!(std::str::from_utf8(&shown).is_ok(), "texts are UTF-8");
        }
        let odd: Vec<bool> = (0..batch.num_rows()).map(|row| row % 2 == 1).collect();
        let even: Vec<bool> = odd.iter().map(|odd| !odd).collect();
        let (odd, even) = (batch.take(&odd), batch.take(&even));
        let joined = traces::concat(&[&odd, &even]).expect("parts of a batch fit together");
        assert_eq!((joined.days(), joined.services()), (batch.days(), batch.services()));
        let promoted = [
            promotion("http.method", AttributeType::String, "LowCardinality(Nullable(String))"),
            promotion("a", AttributeType::Int, "Nullable(Int64)"),
        ];
        let retention = Retention { days: 30, rules: &[], now_ns: NOW };
        let options =
            SpanBlockOptions { tenant: "t", commit_id: 1, retention, day: None, promoted: &promoted, pending: 0 };
        for batch in [batch, &joined] {
            encode_spans(batch, &options).expect("the columns have types that fit");
        }
    }))
}

/// A batch can be sent on and stored, and comes back as it was.
fn batch(batch: &LogBatch) {
    let rows = to_record_batch(batch).expect("a batch fits into its envelope");
    let bytes = to_ipc(batch).expect("a batch fits into its envelope");
    let again = from_ipc(&bytes).expect("the envelope of a batch is read back");
    assert!(rows == to_record_batch(&again).expect("a batch fits into its envelope"), "rows changed on their way");
    assert_eq!(batch.days(), again.days());
    assert_eq!(batch.services(), again.services());
    assert_eq!(batch.days().iter().map(|day| day.1).sum::<u64>(), batch.num_rows() as u64);
    let promoted = [
        promotion("a", AttributeType::String, "LowCardinality(Nullable(String))"),
        promotion("n", AttributeType::Int, "Nullable(Int64)"),
    ];
    let skeletons = SkeletonMemory::default();
    for day in [None, batch.days().first().map(|day| day.0)] {
        let options = LogBlockOptions {
            tenant: "t",
            commit_id: 1,
            retention: Retention { days: 30, rules: &[], now_ns: NOW },
            day,
            promoted: &promoted,
            skeletons: day.is_some().then_some(&skeletons),
        };
        encode_logs(batch, &options).expect("the columns have types that fit");
    }
}

fn promotion(key: &str, attribute_type: AttributeType, column_type: &str) -> PromotedColumn {
    PromotedColumn {
        key: key.to_owned(),
        attribute_type,
        column_name: format!("c_{key}"),
        column_type: column_type.to_owned(),
    }
}

fn decompressed(input: &[u8], encoding: Encoding) -> Check {
    if let Ok(output) = decompress(input, encoding, DECOMPRESSED) {
        assert!(output.len() <= DECOMPRESSED);
    }
    None
}

fn envelope(input: &[u8]) -> Check {
    from_ipc(input).ok().map(|decoded| Box::new(move || batch(&decoded)) as _)
}

/// Records go through one step of every kind; what comes out is a batch like any other, and no record is lost uncounted.
fn pipelines(input: &[u8]) -> Check {
    static EVERYTHING: OnceLock<Pipelines> = OnceLock::new();
    let everything =
        EVERYTHING.get_or_init(|| Pipelines::compile(EVERY_STEP.as_bytes(), None).expect("steps that compile"));
    let decoded = decode_json_lines(input, NOW, &FieldMapping::default()).ok()?;
    let records = decoded.batch.num_rows() as u64;
    let context = Context { now_ns: NOW, seed: 1, delivery: 1 };
    let mut processed = everything.fork(None).run(Arc::new(decoded.batch), &context);
    Some(Box::new(move || {
        processed.settle(true);
        let counts = &processed.counts;
        let gone: u64 = counts.iter().flat_map(|count| &count.dropped).map(|(_, number)| number).sum();
        let routed: u64 = counts.iter().map(|count| count.routed).sum();
        assert_eq!(processed.batch.num_rows() as u64 + gone + routed, records);
        assert_eq!(processed.routed.iter().map(|(_, part)| part.num_rows() as u64).sum::<u64>(), routed);
        batch(&processed.batch);
        processed.routed.iter().for_each(|(_, part)| batch(part));
    }))
}

const EVERY_STEP: &str = r#"[{"name":"p","steps":[
    {"type":"multiline","options":{"start":"^E"}},
    {"type":"parse_json","options":{"prefix":"j.","on_failure":"tag"}},
    {"type":"parse_logfmt","options":{"overwrite":false}},
    {"type":"parse_key_value","options":{"pair_separator":",","remove_source":true,"field":"k"}},
    {"type":"parse_regex","options":{"pattern":"(?P<first>\\w+) (?P<resource.second>\\S+)(?P<trace_id> [0-9a-f]{32})?"}},
    {"type":"parse_grok","options":{"patterns":["%{COMBINEDAPACHELOG}","%{SYSLOGLINE}"]}},
    {"type":"parse_timestamp","options":{"field":"t","formats":["auto","%b %e %T","unix"]}},
    {"type":"parse_severity","options":{"field":"lvl"}},
    {"type":"redact","options":{"patterns":{"odd":"o.d"}}},
    {"type":"rename","options":{"fields":{"a":"service","n":"body"}}},
    {"type":"set","options":{"fields":{"copy":"${body}","text":"<${service}>","event_name":"${k}"}}},
    {"type":"keep","options":{"attributes":["a*","c*","h*","j*","n*","t*"]}},
    {"type":"dedupe","options":{"keys":["body","t"]}},
    {"type":"sample","options":{"ratio":0.8,"field":"body"}},
    {"type":"throttle","options":{"rate":5,"burst":100,"keys":["service"]}},
    {"type":"derive_metrics","options":{"name":"m","kind":"histogram","field":"n","labels":{"s":"service"}}},
    {"type":"drop","options":{"fields":["text","trace_id","host"]}},
    {"type":"route","options":{"tenant":"other"},"when":"[\"exists\",\"column\",\"event_name\"]"}]}]"#;

/// Specifications are taken or refused with a reason, and those that are taken run.
fn pipeline_spec(input: &[u8]) -> Check {
    match Pipelines::compile(input, None) {
        Ok(pipelines) => {
            let lines = samples::pipelines::small().join(&b'\n');
            let decoded = decode_json_lines(&lines, NOW, &FieldMapping::default()).expect("records");
            let context = Context { now_ns: NOW, seed: 1, delivery: 1 };
            batch(&pipelines.run(Arc::new(decoded.batch), &context).batch);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    None
}

/// The first line is a predicate, the others are records.
fn filter(input: &[u8]) -> Check {
    let at = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let filter = Filter::parse(&input[..at]).ok()?;
    let batch = decode_json_lines(input.get(at + 1..)?, NOW, &FieldMapping::default()).ok()?.batch;
    let mask = filter.matches(&batch);
    Some(Box::new(move || {
        assert!(mask.len() == batch.num_rows());
        let matching = batch.take(&mask);
        assert!(filter.count(&batch) == matching.num_rows());
        assert!(filter.count(&matching) == matching.num_rows());
        let all = vec![true; matching.num_rows()];
        assert!(render_batch(&batch, &mask, usize::MAX) == render_batch(&matching, &all, usize::MAX));
        let others: Vec<bool> = mask.iter().map(|matched| !matched).collect();
        assert!(filter.count(&batch.take(&others)) == 0);
    }))
}

fn template(input: &[u8]) -> Check {
    let text = String::from_utf8_lossy(input);
    let (template, id) = mask_template(&text);
    assert!(mask_template(&text) == (template, id));
    None
}

/// A text, in both dialects: an import gives the samples that a scrape has, and a scrape again gives them again.
fn exposition(input: &[u8]) -> Check {
    for (format, content_type) in [(Format::Text, "text/plain"), (Format::OpenMetrics, "application/openmetrics-text")]
    {
        let options = import::Options { now_ms: 1, lenient: false, ..import::Options::default() };
        let imported = import::decode(input, format, &options);
        let lenient = import::Options { lenient: true, ..options };
        let kept = import::decode(input, format, &lenient);
        if let Ok(imported) = &imported {
            let kept = kept.expect("what is read strictly is read leniently");
            assert_eq!(kept.batch.num_samples(), imported.batch.num_samples());
        }
        for taking in [Taking::default(), Taking { convert: true, classic: true, native: true }] {
            let options = scrape::Options { taking, ..scrape::Options::default() };
            let mut cache = scrape::Cache::new(Vec::new(), Arc::new(Relabel::default()), options);
            let first = scraped(&mut cache, input, content_type, 1);
            let again = scraped(&mut cache, input, content_type, 2);
            assert_eq!(first.error, again.error);
            assert_eq!((first.scraped, first.kept), (again.scraped, again.kept));
        }
    }
    None
}

fn exposition_protobuf(input: &[u8]) -> Check {
    let options = import::Options { now_ms: 1, ..import::Options::default() };
    let imported = import::decode(input, Format::Protobuf, &options);
    for taking in [Taking::default(), Taking { convert: true, classic: true, native: true }] {
        let options = scrape::Options { taking, bucket_limit: 4, min_bucket_factor: 1.5, ..scrape::Options::default() };
        let mut cache = scrape::Cache::new(Vec::new(), Arc::new(Relabel::default()), options);
        let first = scraped(&mut cache, input, "application/vnd.google.protobuf", 1);
        let again = scraped(&mut cache, input, "application/vnd.google.protobuf", 2);
        assert_eq!(first.error, again.error);
        assert!(imported.is_ok() || !first.error.is_empty() || !taking.native);
    }
    None
}

fn scraped(cache: &mut scrape::Cache, body: &[u8], content_type: &str, timestamp: i64) -> scrape::Outcome {
    cache.scrape(&scrape::Answer { body, content_type, timestamp, seconds: 0.0, error: "" })
}

/// Lines: an action, then its regex, target label and replacement; applied to labels of the same text.
fn relabel(input: &[u8]) -> Check {
    let text = String::from_utf8_lossy(input);
    let parts: Vec<&str> = text.split('\n').collect();
    let [action, regex, target, replacement, value] = [0, 1, 2, 3, 4].map(|at| parts.get(at).copied().unwrap_or(""));
    let spec = RuleSpec {
        action: action.into(),
        regex: regex.into(),
        target_label: target.into(),
        replacement: replacement.into(),
        source_labels: vec!["a".into(), "b".into()],
        modulus: value.len() as u64,
        ..RuleSpec::default()
    };
    if let Ok(rules) = Relabel::new(&[spec]) {
        let mut labels = nexus_core::metrics::relabel::LabelSet::default();
        labels.set("a".into(), value.into());
        labels.set("b".into(), regex.into());
        let steps = rules.trace(&labels);
        assert_eq!(rules.apply(&mut labels), steps[0].1);
    }
    None
}

/// Blobs of the tables of metrics. The first byte chooses: with the checksum it has, or with the right one, so that what lies
/// behind it is reached.
fn metric_chunks(input: &[u8]) -> Check {
    let (choice, blob) = input.split_first().unwrap_or((&0, &[]));
    let mut blob = blob.to_vec();
    if choice & 1 == 1 {
        chunk::sign_again(&mut blob);
    }
    let mut scratch = chunk::Scratch::default();
    let (mut timestamps, mut floats) = (Vec::new(), Vec::new());
    if chunk::decode_times(&blob, &mut timestamps, &mut scratch).is_ok() {
        assert!(!timestamps.is_empty() && timestamps.len() <= chunk::MAX_SAMPLES);
        assert!(timestamps.windows(2).all(|pair| pair[0] < pair[1]), "times are in order");
        let again = chunk::encode_floats(&timestamps, &vec![1.0; timestamps.len()], &StartTimes::default(), 1);
        let mut back = Vec::new();
        chunk::decode_times(&again.times, &mut back, &mut scratch).expect("what was written can be read");
        assert!(back == timestamps);
    }
    if let Ok((values, runs)) = chunk::decode_values(&blob, &mut floats, &mut scratch) {
        let count = match &values {
            chunk::Values::Floats => floats.len(),
            chunk::Values::Histograms(histograms) => histograms.len(),
        };
        assert!(count > 0 && count <= chunk::MAX_SAMPLES);
        let times: Vec<i64> = (0..count as i64).collect();
        let (mut starts, mut again) = (StartTimes::default(), StartTimes::default());
        runs.read(&times, 0..count, &mut starts, 0);
        let written = chunk::encode_floats(&times, &vec![1.0; count], &starts, 1);
        let (_, runs) = chunk::decode_values(&written.values, &mut floats, &mut scratch).expect("it was written");
        runs.read(&times, 0..count, &mut again, 0);
        assert!((0..count).all(|at| starts.at(at) == again.at(at)), "start times are what they were");
    }
    let mut columns = <[Vec<f64>; COLUMNS]>::default();
    if let Ok((length, count)) = chunk::windows::decode(&blob, ALL, &mut columns, &mut scratch) {
        assert!(length > 0 && count <= chunk::MAX_SAMPLES && columns.iter().all(|column| column.len() == count));
    }
    drop(cut_chunks(&input[input.len().min(1)..], 10, 20));
    drop(cut_rollups(&input[input.len().min(1)..], 10, 20));
    None
}
