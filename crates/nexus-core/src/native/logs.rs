//! Log batches as Native blocks of the table `nexus.logs`.

use super::block::Block;
use super::columns::{Promotion, constant, low_cardinality, map};
use super::memory::{MIN_SKELETON_ROWS, SkeletonMemory};
use super::order::sorted_rows;
use crate::batch::{DAY_NS, HOUR_NS, LogBatch};
use crate::columns::{MapColumn, Strings};
use crate::dictionary::Dictionary;
use crate::select::Filter;
use crate::severity;
use std::fmt;

/// Attribute types that can have columns of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// `attributes_string`
    String,
    /// `attributes_int`
    Int,
    /// `attributes_float`
    Float,
    /// `attributes_bool`
    Bool,
    /// `attributes_json`; never has a column of its own.
    Json,
}

impl AttributeType {
    /// Its letter: s, i, f, b.
    pub fn letter(self) -> &'static str {
        match self {
            Self::String => "s",
            Self::Int => "i",
            Self::Float => "f",
            Self::Bool => "b",
            Self::Json => "j",
        }
    }

    /// From its letter.
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "s" => Some(Self::String),
            "i" => Some(Self::Int),
            "f" => Some(Self::Float),
            "b" => Some(Self::Bool),
            "j" => Some(Self::Json),
            _ => None,
        }
    }
}

/// An attribute with a column of its own.
#[derive(Debug, Clone)]
pub struct PromotedColumn {
    /// Attribute key.
    pub key: String,
    /// Attribute type.
    pub attribute_type: AttributeType,
    /// Column name.
    pub column_name: String,
    /// Column type: `Nullable(T)` for the attribute's type, or `LowCardinality(Nullable(String))`.
    pub column_type: String,
}

/// What a block is made for.
#[derive(Clone)]
pub struct LogBlockOptions<'a> {
    /// Tenant of all rows.
    pub tenant: &'a str,
    /// Commit of all rows.
    pub commit_id: u64,
    /// Days to keep records that no rule matches, 0 for ever.
    pub retention_days: u32,
    /// Days to keep others: the first rule that matches counts.
    pub retention: &'a [(&'a Filter, u32)],
    /// Now, ns: an old record is kept that long after its arrival.
    pub now_ns: i64,
    /// Rows of this UTC day only (days since the epoch).
    pub day: Option<u32>,
    /// Attributes with columns of their own.
    pub promoted: &'a [PromotedColumn],
    /// What earlier blocks of the store held; None counts within this block alone.
    pub skeletons: Option<&'a SkeletonMemory>,
}

/// A promoted column has a type that its attribute cannot fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumnType(pub String);

impl fmt::Display for UnknownColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promoted column has type {}, which its attribute cannot fill", self.0)
    }
}

impl std::error::Error for UnknownColumnType {}

/// Columns beside the promoted ones.
const COLUMNS: usize = 26;
/// Largest `Date`: 2149-06-06. Means for ever.
const FOREVER: u16 = u16::MAX;

/// A Native block, and how many of its rows have no skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedLogs {
    /// Empty without rows: the engine takes no block without rows.
    pub block: Vec<u8>,
    /// Rows whose body is empty or of too rare a kind: only the body itself tells which words they hold.
    pub plain_rows: usize,
}

/// One Native block with all columns of `nexus.logs`, rows sorted as the table is. Promoted keys are left out of the maps.
pub fn encode_logs(batch: &LogBatch, options: &LogBlockOptions<'_>) -> Result<EncodedLogs, UnknownColumnType> {
    for column in options.promoted {
        check_type(column)?;
    }
    let rows = sorted_rows(batch, options.day);
    if rows.is_empty() {
        return Ok(EncodedLogs { block: Vec::new(), plain_rows: 0 });
    }
    let columns = COLUMNS + options.promoted.len();
    let capacity = 4096 + batch.num_bytes() / batch.num_rows().max(1) * rows.len();
    let mut block = Block::new(columns, rows.len(), capacity + capacity / 8);
    let plain_rows = scalars(&mut block, batch, options, &rows);
    attributes(&mut block, batch, options.promoted, &rows);
    Ok(EncodedLogs { block: block.finish(), plain_rows })
}

fn check_type(column: &PromotedColumn) -> Result<(), UnknownColumnType> {
    let fits = match column.attribute_type {
        AttributeType::String => {
            matches!(column.column_type.as_str(), "Nullable(String)" | "LowCardinality(Nullable(String))")
        }
        AttributeType::Int => column.column_type == "Nullable(Int64)",
        AttributeType::Float => column.column_type == "Nullable(Float64)",
        AttributeType::Bool => column.column_type == "Nullable(Bool)",
        AttributeType::Json => false,
    };
    if fits { Ok(()) } else { Err(UnknownColumnType(column.column_type.clone())) }
}

/// Everything but the attributes; returns how many rows have no skeleton.
fn scalars(block: &mut Block, batch: &LogBatch, options: &LogBlockOptions<'_>, rows: &[u32]) -> usize {
    let each = || rows.iter().map(|&row| row as usize);
    let (resources, scopes, texts) = (&batch.resources, &batch.scopes, &batch.texts);
    let count = rows.len();

    constant(block, "tenant", options.tenant.as_bytes(), count);
    block.column("hour", "UInt32");
    block.values(each().map(|row| ((batch.timestamps[row] / HOUR_NS) as u32).to_le_bytes()));
    block.column("timestamp", "DateTime64(9, 'UTC')");
    block.values(each().map(|row| batch.timestamps[row].to_le_bytes()));
    block.column("observed_timestamp", "DateTime64(9, 'UTC')");
    block.values(each().map(|row| batch.observed_timestamps[row].to_le_bytes()));
    let resource_ids = || each().map(|row| batch.resource_ids[row]);
    low_cardinality(block, "service", resources.len(), resource_ids(), |id| resources.get(id, 0));
    let severities = each().map(|row| severity::name_index(batch.severity_numbers[row]) as u32);
    low_cardinality(block, "severity", severity::NAMES.len(), severities, |id| severity::NAMES[id as usize].as_bytes());
    block.column("severity_number", "UInt8");
    block.values(each().map(|row| [batch.severity_numbers[row]]));
    let severity_texts = each().map(|row| batch.severity_texts[row]);
    low_cardinality(block, "severity_text", texts.len(), severity_texts, |id| texts.get(id, 0));
    block.column("body", "String");
    each().for_each(|row| block.string(batch.bodies.get(row)));
    let plain_rows = skeletons(block, batch, rows, options.skeletons);
    block.column("template_id", "UInt64");
    block.values(each().map(|row| batch.template_ids[row].to_le_bytes()));
    block.column("trace_id", "FixedString(16)");
    block.values(each().map(|row| batch.trace_ids[row]));
    block.column("span_id", "FixedString(8)");
    block.values(each().map(|row| batch.span_ids[row]));
    block.column("trace_flags", "UInt8");
    block.values(each().map(|row| [batch.trace_flags[row]]));
    let event_names = each().map(|row| batch.event_names[row]);
    low_cardinality(block, "event_name", texts.len(), event_names, |id| texts.get(id, 0));
    low_cardinality(block, "resource", resources.len(), resource_ids(), |id| resources.get(id, 1));
    for (part, name) in ["scope_name", "scope_version", "scope_attributes"].into_iter().enumerate() {
        let scope_ids = each().map(|row| batch.scope_ids[row]);
        low_cardinality(block, name, scopes.len(), scope_ids, |id| scopes.get(id, part));
    }
    block.column("commit_id", "UInt64");
    block.values(std::iter::repeat_n(options.commit_id.to_le_bytes(), count));
    block.column("expires_on", "Date");
    let days = days_to_keep(batch, options);
    block.values(each().map(|row| {
        let kept = days.get(row).copied().unwrap_or(options.retention_days);
        expiry(batch.timestamps[row], options.now_ns, kept).to_le_bytes()
    }));
    plain_rows
}

/// Days to keep each row of a batch; empty when no rule is there to tell them apart.
fn days_to_keep(batch: &LogBatch, options: &LogBlockOptions<'_>) -> Vec<u32> {
    if options.retention.is_empty() {
        return Vec::new();
    }
    let mut days = vec![options.retention_days; batch.num_rows()];
    // The first rule has the last word.
    for (filter, kept) in options.retention.iter().rev() {
        for (row, _) in filter.matches(batch).into_iter().enumerate().filter(|(_, matches)| *matches) {
            days[row] = *kept;
        }
    }
    days
}

/// Day on which a record expires that is kept for some days.
fn expiry(timestamp: i64, now_ns: i64, days: u32) -> u16 {
    if days == 0 {
        return FOREVER;
    }
    let last_seen = timestamp.max(now_ns) / DAY_NS;
    // The largest date is for those that never expire.
    (last_seen + i64::from(days)).min(i64::from(FOREVER - 1)) as u16
}

/// Skeletons as far as they are worth it; empty for the others, whose number it returns.
fn skeletons(block: &mut Block, batch: &LogBatch, rows: &[u32], memory: Option<&SkeletonMemory>) -> usize {
    let skeletons = &batch.skeletons;
    let mut counts = vec![0_u32; skeletons.len()];
    for &row in rows {
        counts[batch.skeleton_ids[row as usize] as usize] += 1;
    }
    let written: Vec<u32> = (0..skeletons.len() as u32)
        .map(|id| {
            let rows = counts[id as usize];
            let admitted = match memory {
                Some(memory) => id > 0 && rows > 0 && memory.admits(skeletons.get(id), rows),
                None => rows >= MIN_SKELETON_ROWS,
            };
            if admitted { id } else { 0 }
        })
        .collect();
    let ids = rows.iter().map(|&row| written[batch.skeleton_ids[row as usize] as usize]);
    low_cardinality(block, "skeleton", skeletons.len(), ids, |id| skeletons.get(id));
    counts.iter().zip(&written).filter(|(_, written)| **written == 0).map(|(&rows, _)| rows as usize).sum()
}

fn attributes(block: &mut Block, batch: &LogBatch, promoted: &[PromotedColumn], rows: &[u32]) {
    let keys = &batch.keys;
    let string = |block: &mut Block, values: &Strings, entry: usize| block.string(values.get(entry));
    let int = |block: &mut Block, values: &Vec<i64>, entry: usize| block.bytes(&values[entry].to_le_bytes());
    let float = |block: &mut Block, values: &Vec<f64>, entry: usize| block.bytes(&values[entry].to_le_bytes());
    let bool = |block: &mut Block, values: &Vec<bool>, entry: usize| block.bytes(&[u8::from(values[entry])]);

    let (own, mut promotion) = promotion(promoted, AttributeType::String, keys, rows.len());
    let kind = ("attributes_string", "Map(LowCardinality(String), String)");
    map(block, kind, &batch.strings, keys, rows, &mut promotion, string);
    for (number, column) in own.iter().enumerate() {
        string_column(block, column, &batch.strings, promotion.entries(number, rows.len()));
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Int, keys, rows.len());
    let kind = ("attributes_int", "Map(LowCardinality(String), Int64)");
    map(block, kind, &batch.ints, keys, rows, &mut promotion, int);
    for (number, column) in own.iter().enumerate() {
        let value = |entry: usize| batch.ints.values[entry].to_le_bytes();
        fixed_column(block, column, promotion.entries(number, rows.len()), value);
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Float, keys, rows.len());
    let kind = ("attributes_float", "Map(LowCardinality(String), Float64)");
    map(block, kind, &batch.floats, keys, rows, &mut promotion, float);
    for (number, column) in own.iter().enumerate() {
        let value = |entry: usize| batch.floats.values[entry].to_le_bytes();
        fixed_column(block, column, promotion.entries(number, rows.len()), value);
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Bool, keys, rows.len());
    let kind = ("attributes_bool", "Map(LowCardinality(String), Bool)");
    map(block, kind, &batch.bools, keys, rows, &mut promotion, bool);
    for (number, column) in own.iter().enumerate() {
        fixed_column(block, column, promotion.entries(number, rows.len()), |entry| {
            [u8::from(batch.bools.values[entry])]
        });
    }

    let kind = ("attributes_json", "Map(LowCardinality(String), String)");
    map(block, kind, &batch.jsons, keys, rows, &mut Promotion::new(0, &[], 0), string);
}

/// The promoted columns of one type, and where their entries will be noted.
fn promotion<'p>(
    promoted: &'p [PromotedColumn],
    kind: AttributeType,
    keys: &Dictionary<1>,
    rows: usize,
) -> (Vec<&'p PromotedColumn>, Promotion) {
    let own: Vec<_> = promoted.iter().filter(|column| column.attribute_type == kind).collect();
    let ids: Vec<_> = own.iter().map(|column| keys.find([column.key.as_bytes()])).collect();
    let promotion = Promotion::new(keys.len(), &ids, rows);
    (own, promotion)
}

/// A promoted `Nullable` column of fixed width.
fn fixed_column<const N: usize>(
    block: &mut Block,
    column: &PromotedColumn,
    entries: impl ExactSizeIterator<Item = Option<usize>> + Clone,
    value: impl Fn(usize) -> [u8; N],
) {
    block.column(&column.column_name, &column.column_type);
    block.values(entries.clone().map(|entry| [u8::from(entry.is_none())]));
    block.values(entries.map(|entry| entry.map_or([0; N], &value)));
}

/// A promoted column of strings.
fn string_column(
    block: &mut Block,
    column: &PromotedColumn,
    map: &MapColumn<Strings>,
    entries: impl ExactSizeIterator<Item = Option<usize>> + Clone,
) {
    block.column(&column.column_name, &column.column_type);
    if column.column_type == "Nullable(String)" {
        block.values(entries.clone().map(|entry| [u8::from(entry.is_none())]));
        entries.for_each(|entry| block.string(entry.map_or(&b""[..], |entry| map.values.get(entry))));
        return;
    }
    let mut keys = Dictionary::<1>::default();
    let indices: Vec<u32> =
        entries.map(|entry| entry.map_or(0, |entry| keys.intern([map.values.get(entry)]) + 1)).collect();
    block.low_cardinality_prefix();
    let null = std::iter::once(&b""[..]);
    let values: Vec<&[u8]> = null.chain((0..keys.len() as u32).map(|id| keys.get(id, 0))).collect();
    block.low_cardinality(values.into_iter(), indices.into_iter());
}
