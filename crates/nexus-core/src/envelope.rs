//! The Arrow envelope: a log batch as an Arrow record batch, and as an Arrow IPC stream. Version 1.
//!
//! Times and ids as they are in [`LogBatch`]; texts that repeat are dictionaries; attributes are five typed maps. The schema
//! metadata says `nexus.signal: logs` and `nexus.envelope: 1`. What derives from other columns (skeletons, days, usage) does
//! not travel.

use crate::batch::{LogBatch, LogBatchBuilder};
use crate::columns::{MapColumn, Strings};
use crate::dictionary::Dictionary;
use crate::limits::MAX_COLUMN_BYTES;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array,
    MapArray, RecordBatch, StringArray, StructArray, UInt8Array, UInt64Array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Version of the envelope that is written.
pub const ENVELOPE_VERSION: &str = "1";

const END_OF_STREAM: &[u8] = &[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];

/// Bytes that are no envelope of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeError(pub String);

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a log envelope of version {ENVELOPE_VERSION}: {}", self.0)
    }
}

impl std::error::Error for EnvelopeError {}

impl From<ArrowError> for EnvelopeError {
    fn from(error: ArrowError) -> Self {
        Self(error.to_string())
    }
}

type Result<T> = std::result::Result<T, EnvelopeError>;

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn entry_fields(value: DataType) -> Fields {
    Fields::from(vec![Field::new("key", dictionary_type(), false), Field::new("value", value, false)])
}

fn map_type(value: DataType) -> DataType {
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry_fields(value)), false)), false)
}

/// The envelope's schema.
pub fn schema() -> Schema {
    let field = |name: &str, kind: DataType| Field::new(name, kind, false);
    let text = |name: &str| Field::new(name, dictionary_type(), false);
    let fields = vec![
        field("timestamp", DataType::Int64),
        field("observed_timestamp", DataType::Int64),
        text("service"),
        field("severity_number", DataType::UInt8),
        text("severity_text"),
        field("body", DataType::Utf8),
        field("trace_id", DataType::FixedSizeBinary(16)),
        field("span_id", DataType::FixedSizeBinary(8)),
        field("trace_flags", DataType::UInt8),
        text("event_name"),
        field("template_id", DataType::UInt64),
        text("resource"),
        text("scope_name"),
        text("scope_version"),
        text("scope_attributes"),
        field("attributes_string", map_type(DataType::Utf8)),
        field("attributes_int", map_type(DataType::Int64)),
        field("attributes_float", map_type(DataType::Float64)),
        field("attributes_bool", map_type(DataType::Boolean)),
        field("attributes_json", map_type(DataType::Utf8)),
    ];
    let metadata = [("nexus.signal", "logs"), ("nexus.envelope", ENVELOPE_VERSION)];
    let metadata: HashMap<_, _> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Schema::new(fields).with_metadata(metadata)
}

fn offsets(offsets: &[u32]) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(offsets.iter().map(|&offset| offset as i32).collect::<Vec<i32>>()))
}

fn strings(values: &Strings) -> Result<ArrayRef> {
    let data = Buffer::from_slice_ref(values.data());
    Ok(Arc::new(StringArray::try_new(offsets(values.offsets()), data, None)?))
}

/// A dictionary array: part `part` of the entries that `ids` name.
fn dictionary<const N: usize>(ids: &[u32], entries: &Dictionary<N>, part: usize) -> Result<ArrayRef> {
    let mut values = Strings::default();
    for id in 0..entries.len() as u32 {
        values.push(entries.get(id, part));
    }
    let ids = Int32Array::from_iter_values(ids.iter().map(|&id| id as i32));
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(ids, strings(&values)?)?))
}

fn fixed<const N: usize>(values: &[[u8; N]]) -> Result<ArrayRef> {
    let data = Buffer::from_slice_ref(values.as_flattened());
    Ok(Arc::new(FixedSizeBinaryArray::try_new(N as i32, data, None)?))
}

fn map<V>(column: &MapColumn<V>, keys: &Dictionary<1>, values: ArrayRef) -> Result<ArrayRef> {
    let fields = entry_fields(values.data_type().clone());
    let entries = StructArray::try_new(fields, vec![dictionary(&column.keys, keys, 0)?, values], None)?;
    let field = Field::new("entries", entries.data_type().clone(), false);
    Ok(Arc::new(MapArray::try_new(Arc::new(field), offsets(&column.offsets), entries, None, false)?))
}

/// The batch as an Arrow record batch.
pub fn to_record_batch(batch: &LogBatch) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(batch.timestamps.clone())),
        Arc::new(Int64Array::from(batch.observed_timestamps.clone())),
        dictionary(&batch.origins.resource_ids, &batch.origins.resources, 0)?,
        Arc::new(UInt8Array::from(batch.severity_numbers.clone())),
        dictionary(&batch.severity_texts, &batch.texts, 0)?,
        strings(&batch.bodies)?,
        fixed(&batch.trace_ids)?,
        fixed(&batch.span_ids)?,
        Arc::new(UInt8Array::from(batch.trace_flags.clone())),
        dictionary(&batch.event_names, &batch.texts, 0)?,
        Arc::new(UInt64Array::from(batch.template_ids.clone())),
        dictionary(&batch.origins.resource_ids, &batch.origins.resources, 1)?,
        dictionary(&batch.origins.scope_ids, &batch.origins.scopes, 0)?,
        dictionary(&batch.origins.scope_ids, &batch.origins.scopes, 1)?,
        dictionary(&batch.origins.scope_ids, &batch.origins.scopes, 2)?,
        map(&batch.attributes.strings, &batch.attributes.keys, strings(&batch.attributes.strings.values)?)?,
        map(
            &batch.attributes.ints,
            &batch.attributes.keys,
            Arc::new(Int64Array::from(batch.attributes.ints.values.clone())),
        )?,
        map(
            &batch.attributes.floats,
            &batch.attributes.keys,
            Arc::new(Float64Array::from(batch.attributes.floats.values.clone())),
        )?,
        map(
            &batch.attributes.bools,
            &batch.attributes.keys,
            Arc::new(BooleanArray::from(batch.attributes.bools.values.clone())),
        )?,
        map(&batch.attributes.jsons, &batch.attributes.keys, strings(&batch.attributes.jsons.values)?)?,
    ];
    Ok(RecordBatch::try_new(Arc::new(schema()), columns)?)
}

/// The batch as an Arrow IPC stream.
pub fn to_ipc(batch: &LogBatch) -> Result<Vec<u8>> {
    let record_batch = to_record_batch(batch)?;
    let mut writer = StreamWriter::try_new(Vec::with_capacity(batch.num_bytes()), &record_batch.schema())?;
    writer.write(&record_batch)?;
    Ok(writer.into_inner()?)
}

/// A batch from an Arrow IPC stream of envelopes. Everything is checked; bad bytes are an error.
pub fn from_ipc(bytes: &[u8]) -> Result<LogBatch> {
    if bytes.len() > MAX_COLUMN_BYTES {
        return Err(EnvelopeError(format!("{} bytes are more than {MAX_COLUMN_BYTES}", bytes.len())));
    }
    if !bytes.ends_with(END_OF_STREAM) {
        return Err(EnvelopeError("the stream has no end".to_owned()));
    }
    // The decoder of a foreign format is not ours to prove: should it panic, the bytes were bad.
    std::panic::catch_unwind(|| read_ipc(bytes)).unwrap_or_else(|_| Err(EnvelopeError("malformed".to_owned())))
}

fn read_ipc(bytes: &[u8]) -> Result<LogBatch> {
    let mut buffer = Buffer::from_slice_ref(bytes);
    let mut decoder = StreamDecoder::new();
    let mut builder = LogBatchBuilder::for_envelope();
    let mut templates = Vec::new();
    while !buffer.is_empty() {
        let record_batch = decoder.decode(&mut buffer)?;
        if let Some(found) = decoder.schema() {
            check_schema(&found)?;
        }
        if let Some(record_batch) = record_batch {
            append(&record_batch, &mut builder, &mut templates)?;
        }
    }
    decoder.finish()?;
    if decoder.schema().is_none() {
        return Err(EnvelopeError("no schema".to_owned()));
    }
    let mut batch = builder.finish();
    batch.template_ids = templates;
    Ok(batch)
}

fn check_schema(found: &Schema) -> Result<()> {
    let expected = schema();
    for (key, value) in expected.metadata() {
        let found = found.metadata().get(key);
        if found != Some(value) {
            return Err(EnvelopeError(format!("{key} is {found:?}, expected {value:?}")));
        }
    }
    if found.fields() != expected.fields() {
        return Err(EnvelopeError("its columns are others".to_owned()));
    }
    Ok(())
}

/// A column of texts.
struct Texts<'a> {
    ids: &'a Int32Array,
    values: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn new(array: &'a dyn Array) -> Self {
        let dictionary = array.as_dictionary::<Int32Type>();
        Self { ids: dictionary.keys(), values: dictionary.values().as_string() }
    }

    fn get(&self, row: usize) -> Result<&'a str> {
        let id = self.ids.value(row) as usize;
        if self.ids.is_null(row) || id >= self.values.len() || self.values.is_null(id) {
            return Err(EnvelopeError(format!("row {row} lacks a text")));
        }
        Ok(self.values.value(id))
    }
}

/// A column of attributes.
struct Attributes<'a> {
    map: &'a MapArray,
    keys: Texts<'a>,
    values: &'a dyn Array,
}

impl<'a> Attributes<'a> {
    fn new(array: &'a dyn Array) -> Result<Self> {
        let map = array.as_map();
        if map.null_count() + map.entries().null_count() + map.values().null_count() > 0 {
            return Err(EnvelopeError("an attribute is null".to_owned()));
        }
        Ok(Self { map, keys: Texts::new(map.keys()), values: map.values() })
    }

    fn each(&self, row: usize, mut visit: impl FnMut(&'a str, usize)) -> Result<()> {
        let offsets = self.map.value_offsets();
        for entry in offsets[row] as usize..offsets[row + 1] as usize {
            visit(self.keys.get(entry)?, entry);
        }
        Ok(())
    }
}

fn append(batch: &RecordBatch, builder: &mut LogBatchBuilder, templates: &mut Vec<u64>) -> Result<()> {
    let column = |index: usize| batch.column(index).as_ref();
    if batch.columns().iter().any(|column| column.null_count() > 0) {
        return Err(EnvelopeError("a value is null".to_owned()));
    }
    let timestamps = column(0).as_primitive::<Int64Type>();
    let observed = column(1).as_primitive::<Int64Type>();
    let services = Texts::new(column(2));
    let severities = column(3).as_primitive::<UInt8Type>();
    let severity_texts = Texts::new(column(4));
    let bodies = column(5).as_string::<i32>();
    let trace_ids = column(6).as_fixed_size_binary();
    let span_ids = column(7).as_fixed_size_binary();
    let flags = column(8).as_primitive::<UInt8Type>();
    let event_names = Texts::new(column(9));
    let resources = Texts::new(column(11));
    let scopes = [Texts::new(column(12)), Texts::new(column(13)), Texts::new(column(14))];
    let maps = [15, 16, 17, 18, 19].map(|index| Attributes::new(column(index)));
    let [strings, ints, floats, bools, jsons] = maps;
    let (strings, ints, floats, bools, jsons) = (strings?, ints?, floats?, bools?, jsons?);
    for row in 0..batch.num_rows() {
        builder.set_resource(services.get(row)?, resources.get(row)?);
        builder.set_scope(scopes[0].get(row)?, scopes[1].get(row)?, scopes[2].get(row)?);
        builder.begin_record();
        builder.timestamp(timestamps.value(row));
        builder.observed_timestamp(observed.value(row));
        builder.stored_severity(severities.value(row), severity_texts.get(row)?);
        builder.body(bodies.value(row));
        builder.trace_id(trace_ids.value(row).try_into().unwrap_or_default());
        builder.span_id(span_ids.value(row).try_into().unwrap_or_default());
        builder.trace_flags(flags.value(row));
        builder.event_name(event_names.get(row)?);
        let values = strings.values.as_string::<i32>();
        strings.each(row, |key, entry| builder.attr_string(key, values.value(entry)))?;
        let values = ints.values.as_primitive::<Int64Type>();
        ints.each(row, |key, entry| builder.attr_int(key, values.value(entry)))?;
        let values = floats.values.as_primitive::<Float64Type>();
        floats.each(row, |key, entry| builder.attr_float(key, values.value(entry)))?;
        let values = bools.values.as_boolean();
        bools.each(row, |key, entry| builder.attr_bool(key, values.value(entry)))?;
        let values = jsons.values.as_string::<i32>();
        jsons.each(row, |key, entry| builder.attr_json(key, values.value(entry)))?;
        builder.commit_record().map_err(|error| EnvelopeError(format!("row {row}: {error}")))?;
    }
    templates.extend_from_slice(column(10).as_primitive::<UInt64Type>().values());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::fields::FieldMapping;
    use crate::json::lines::decode_json_lines;

    const LINES: &[u8] = br#"{"_time":1780315200,"_msg":"took 5 ms","level":"warn","service":"a","k":"v","n":1,"f":0.5,"b":true,"j":[1],"trace_id":"0123456789abcdef0123456789ABCDEF"}
{"_time":"2026-06-02","_msg":"","severity_number":3,"app":"b","host":"h","o":{"x":"\u0000"}}
"#;

    fn batch() -> LogBatch {
        let mapping = FieldMapping { stream_fields: vec!["host".to_owned()], ..FieldMapping::default() };
        decode_json_lines(LINES, 7, &mapping).unwrap().batch
    }

    #[test]
    fn round_trips() {
        let batch = batch();
        assert_eq!(batch.num_rows(), 2);
        let again = from_ipc(&to_ipc(&batch).unwrap()).unwrap();
        assert!(to_record_batch(&batch).unwrap() == to_record_batch(&again).unwrap());
        assert_eq!(again.template_ids, batch.template_ids);
        assert_eq!(again.days(), batch.days());
        assert_eq!(again.services(), batch.services());
        assert_eq!(again.bodies.data(), batch.bodies.data());
        let empty = LogBatchBuilder::new(0).finish();
        assert_eq!(from_ipc(&to_ipc(&empty).unwrap()).unwrap().num_rows(), 0);
    }

    #[test]
    fn bad_bytes_are_an_error() {
        let bytes = to_ipc(&batch()).unwrap();
        for length in (0..bytes.len()).step_by(3) {
            assert!(from_ipc(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
        for at in (0..bytes.len()).step_by(23) {
            for flip in [1, 0x80, 0xFF] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                let _ = from_ipc(&bad);
            }
        }
        assert!(from_ipc(b"garbage").is_err());
        assert!(from_ipc(b"").is_err());
    }
}
