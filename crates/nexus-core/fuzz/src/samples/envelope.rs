//! Arrow envelopes of batches.

use nexus_core::envelope::to_ipc;
use nexus_core::json::fields::FieldMapping;
use nexus_core::json::lines::decode_json_lines;
use nexus_core::otlp::decode_logs_protobuf;

/// Of the other decoders' samples.
pub fn small() -> Vec<Vec<u8>> {
    let lines = super::json_lines::small();
    let lines = lines.iter().map(|body| decode_json_lines(&body[1..], 7, &FieldMapping::default()));
    let requests = super::otlp::small();
    let requests = requests.iter().map(|body| decode_logs_protobuf(body, 7));
    let batches = lines.chain(requests).filter_map(Result::ok);
    batches.map(|decoded| to_ipc(&decoded.batch).expect("a sample fits into its envelope")).collect()
}
