//! What is fuzzed: every function that takes bytes from strangers, and what must hold of its answer.

use crate::samples;
use nexus_core::batch::LogBatch;
use nexus_core::decode::{DecodeError, Decoded};
use nexus_core::decompress::{Encoding, decompress};
use nexus_core::envelope::{from_ipc, to_ipc, to_record_batch};
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_core::logql;
use nexus_core::native::logs::{AttributeType, LogBlockOptions, PromotedColumn, encode_logs};
use nexus_core::native::memory::SkeletonMemory;
use nexus_core::otlp::{decode_logs_json, decode_logs_protobuf};
use nexus_core::template::mask_template;

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

/// All targets.
pub const TARGETS: &[Target] = &[
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
];

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
            retention_days: 30,
            now_ns: NOW,
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

fn template(input: &[u8]) -> Check {
    let text = String::from_utf8_lossy(input);
    let (template, id) = mask_template(&text);
    assert!(mask_template(&text) == (template, id));
    None
}
