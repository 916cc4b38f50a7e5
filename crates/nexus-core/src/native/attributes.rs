//! Attributes of rows as columns of a block: typed maps, and columns of their own for some.

use super::block::Block;
use super::columns::{Promotion, map};
use crate::attributes::Attributes;
use crate::columns::{MapColumn, Strings};
use crate::dictionary::Dictionary;
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

/// A promoted column has a type that its attribute cannot fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownColumnType(pub String);

impl fmt::Display for UnknownColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promoted column has type {}, which its attribute cannot fill", self.0)
    }
}

impl std::error::Error for UnknownColumnType {}

/// Refuse promoted columns whose type does not fit their attribute's.
pub(crate) fn check_types(promoted: &[PromotedColumn]) -> Result<(), UnknownColumnType> {
    promoted.iter().try_for_each(check_type)
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

/// The five maps of attributes, without the promoted ones, and the columns of those.
pub(crate) fn attributes(block: &mut Block, attributes: &Attributes, promoted: &[PromotedColumn], rows: &[u32]) {
    let keys = &attributes.keys;
    let string = |block: &mut Block, values: &Strings, entry: usize| block.string(values.get(entry));
    let int = |block: &mut Block, values: &Vec<i64>, entry: usize| block.bytes(&values[entry].to_le_bytes());
    let float = |block: &mut Block, values: &Vec<f64>, entry: usize| block.bytes(&values[entry].to_le_bytes());
    let bool = |block: &mut Block, values: &Vec<bool>, entry: usize| block.bytes(&[u8::from(values[entry])]);

    let (own, mut promotion) = promotion(promoted, AttributeType::String, keys, rows.len());
    let kind = ("attributes_string", "Map(LowCardinality(String), String)");
    map(block, kind, &attributes.strings, keys, rows, &mut promotion, string);
    for (number, column) in own.iter().enumerate() {
        string_column(block, column, &attributes.strings, promotion.entries(number, rows.len()));
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Int, keys, rows.len());
    let kind = ("attributes_int", "Map(LowCardinality(String), Int64)");
    map(block, kind, &attributes.ints, keys, rows, &mut promotion, int);
    for (number, column) in own.iter().enumerate() {
        let value = |entry: usize| attributes.ints.values[entry].to_le_bytes();
        fixed_column(block, column, promotion.entries(number, rows.len()), value);
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Float, keys, rows.len());
    let kind = ("attributes_float", "Map(LowCardinality(String), Float64)");
    map(block, kind, &attributes.floats, keys, rows, &mut promotion, float);
    for (number, column) in own.iter().enumerate() {
        let value = |entry: usize| attributes.floats.values[entry].to_le_bytes();
        fixed_column(block, column, promotion.entries(number, rows.len()), value);
    }

    let (own, mut promotion) = self::promotion(promoted, AttributeType::Bool, keys, rows.len());
    let kind = ("attributes_bool", "Map(LowCardinality(String), Bool)");
    map(block, kind, &attributes.bools, keys, rows, &mut promotion, bool);
    for (number, column) in own.iter().enumerate() {
        fixed_column(block, column, promotion.entries(number, rows.len()), |entry| {
            [u8::from(attributes.bools.values[entry])]
        });
    }

    let kind = ("attributes_json", "Map(LowCardinality(String), String)");
    map(block, kind, &attributes.jsons, keys, rows, &mut Promotion::new(0, &[], 0), string);
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
