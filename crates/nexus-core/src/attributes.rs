//! Attributes of the rows of a batch, in five typed maps that share their keys, and what builds them row by row.

use crate::columns::{AttributeValue, MapColumn, REPLACED, Strings};
use crate::dictionary::{Dictionary, Renumbered};
use crate::limits::{DROPPED_ATTRIBUTES, MAX_ATTRIBUTES, MAX_BATCH_KEYS, MAX_KEY_BYTES};

/// Attributes in columns.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// Text attributes.
    pub strings: MapColumn<Strings>,
    /// Integer attributes.
    pub ints: MapColumn<Vec<i64>>,
    /// Floating point attributes.
    pub floats: MapColumn<Vec<f64>>,
    /// Boolean attributes.
    pub bools: MapColumn<Vec<bool>>,
    /// Arrays, objects and the like, as JSON text.
    pub jsons: MapColumn<Strings>,
    /// Attribute keys.
    pub keys: Dictionary<1>,
}

impl Attributes {
    /// Bytes held in memory, but for the offsets of rows.
    pub fn num_bytes(&self) -> usize {
        4 * self.num_entries()
            + 4 * self.jsons.keys.len()
            + self.strings.values.num_bytes()
            + self.jsons.values.num_bytes()
            + 8 * (self.ints.values.len() + self.floats.values.len())
            + self.bools.values.len()
            + self.keys.num_bytes()
    }

    /// Attributes that are no JSON.
    pub(crate) fn num_entries(&self) -> usize {
        self.strings.keys.len() + self.ints.keys.len() + self.floats.keys.len() + self.bools.keys.len()
    }

    /// Bytes of the longer one of the two columns of text.
    pub(crate) fn text_bytes(&self) -> usize {
        self.strings.values.data().len().max(self.jsons.values.data().len())
    }

    /// Bytes of the keys and values of a row.
    pub(crate) fn row_bytes(&self, row: usize) -> usize {
        let key = |id: u32| self.keys.get(id, 0).len();
        let of_strings = |map: &MapColumn<Strings>| -> usize {
            map.row(row).map(|entry| key(map.keys[entry]) + map.values.get(entry).len()).sum()
        };
        let of_keys = |keys: &[u32], width: usize| -> usize { keys.iter().map(|&id| key(id) + width).sum() };
        of_strings(&self.strings)
            + of_strings(&self.jsons)
            + of_keys(&self.ints.keys[self.ints.row(row)], 8)
            + of_keys(&self.floats.keys[self.floats.row(row)], 8)
            + of_keys(&self.bools.keys[self.bools.row(row)], 1)
    }

    /// The attributes of a row with their keys, type by type.
    pub(crate) fn each<'a>(&'a self, row: usize, mut visit: impl FnMut(u32, AttributeValue<'a>)) {
        let Self { strings, ints, floats, bools, jsons, .. } = self;
        strings.row(row).for_each(|at| visit(strings.keys[at], AttributeValue::String(strings.values.get(at))));
        ints.row(row).for_each(|at| visit(ints.keys[at], AttributeValue::Int(ints.values[at])));
        floats.row(row).for_each(|at| visit(floats.keys[at], AttributeValue::Float(floats.values[at])));
        bools.row(row).for_each(|at| visit(bools.keys[at], AttributeValue::Bool(bools.values[at])));
        jsons.row(row).for_each(|at| visit(jsons.keys[at], AttributeValue::Json(jsons.values.get(at))));
    }

    /// Append the rows of another batch.
    pub(crate) fn append(&mut self, part: &Self) {
        let keys = self.keys.absorb(&part.keys);
        self.strings.append(&part.strings, &keys, Strings::extend);
        self.ints.append(&part.ints, &keys, |whole, part| whole.extend_from_slice(part));
        self.floats.append(&part.floats, &keys, |whole, part| whole.extend_from_slice(part));
        self.bools.append(&part.bools, &keys, |whole, part| whole.extend_from_slice(part));
        self.jsons.append(&part.jsons, &keys, Strings::extend);
    }

    /// Some rows as columns of their own.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        let mut taken = Self::default();
        let mut keys = Renumbered::new(&self.keys);
        let mut key = |id| keys.id(&mut taken.keys, id);
        take_strings(&self.strings, rows, &mut taken.strings, &mut key);
        take_values(&self.ints, rows, &mut taken.ints, &mut key);
        take_values(&self.floats, rows, &mut taken.floats, &mut key);
        take_values(&self.bools, rows, &mut taken.bools, &mut key);
        take_strings(&self.jsons, rows, &mut taken.jsons, &mut key);
        taken
    }

    fn compact_row(&mut self) {
        self.strings.compact_row();
        self.ints.compact_row();
        self.floats.compact_row();
        self.bools.compact_row();
        self.jsons.compact_row();
    }

    fn end_row(&mut self) {
        self.strings.end_row();
        self.ints.end_row();
        self.floats.end_row();
        self.bools.end_row();
        self.jsons.end_row();
    }

    fn abort_row(&mut self) {
        self.strings.abort_row();
        self.ints.abort_row();
        self.floats.abort_row();
        self.bools.abort_row();
        self.jsons.abort_row();
    }
}

fn take_strings(
    from: &MapColumn<Strings>,
    rows: &[usize],
    into: &mut MapColumn<Strings>,
    mut key: impl FnMut(u32) -> u32,
) {
    for &row in rows {
        for entry in from.row(row) {
            into.push(key(from.keys[entry]), from.values.get(entry));
        }
        into.end_row();
    }
}

fn take_values<T: Copy>(
    from: &MapColumn<Vec<T>>,
    rows: &[usize],
    into: &mut MapColumn<Vec<T>>,
    mut key: impl FnMut(u32) -> u32,
) {
    for &row in rows {
        for entry in from.row(row) {
            into.push(key(from.keys[entry]), from.values[entry]);
        }
        into.end_row();
    }
}

/// Attribute type of a key's entry within the row being built.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Text,
    Int,
    Float,
    Bool,
    Json,
}

/// What the builder knows of a key: the last row that had it, and where that entry is.
#[derive(Debug, Clone, Copy)]
struct KeyUse {
    row: u32,
    slot: Slot,
    index: u32,
}

/// An interned attribute key, valid for the builder that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u32);

impl KeyId {
    /// Dense index, from 0 in order of first appearance.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Builds [`Attributes`] row by row: `begin`, attributes in any order, then `commit` or `abort`. A key given twice keeps its
/// last value. What breaks the limits of [`crate::limits`] is left out and counted.
#[derive(Debug)]
pub struct AttributesBuilder {
    pub(crate) columns: Attributes,
    key_uses: Vec<KeyUse>,
    dropped_key: Option<KeyId>,
    max_attributes: usize,
    row: Row,
}

/// The row being built.
#[derive(Debug, Default)]
struct Row {
    ordinal: u32,
    attributes: usize,
    dropped: i64,
    replaced: bool,
    bytes: u64,
}

impl AttributesBuilder {
    /// No rows yet. Rows that were in a batch before (`again`) may have [`DROPPED_ATTRIBUTES`] besides the most attributes
    /// there can be.
    pub(crate) fn new(again: bool) -> Self {
        Self {
            columns: Attributes::default(),
            key_uses: Vec::new(),
            dropped_key: None,
            max_attributes: MAX_ATTRIBUTES + usize::from(again),
            row: Row::default(),
        }
    }

    /// Start a row; one that was not committed is forgotten.
    pub(crate) fn begin(&mut self) {
        self.abort();
        let ordinal = self.row.ordinal.checked_add(1).expect("fewer rows than bytes of a body");
        self.row = Row { ordinal, ..Row::default() };
    }

    /// Take the row; returns the bytes of its keys and values.
    #[inline]
    pub(crate) fn commit(&mut self) -> u64 {
        if self.row.replaced {
            self.columns.compact_row();
        }
        self.columns.end_row();
        self.row.bytes
    }

    /// Forget the row being built.
    pub(crate) fn abort(&mut self) {
        self.columns.abort_row();
    }

    /// Attributes of the row that were left out.
    pub(crate) fn dropped(&self) -> i64 {
        self.row.dropped
    }

    /// Say in [`DROPPED_ATTRIBUTES`] how many attributes were left out.
    #[cold]
    pub(crate) fn note_dropped(&mut self) {
        let key = match self.dropped_key {
            Some(key) => key,
            None => self.intern(DROPPED_ATTRIBUTES.as_bytes()),
        };
        self.dropped_key = Some(key);
        // One more than MAX_ATTRIBUTES, unless the sender uses the same key.
        self.row.attributes = self.row.attributes.min(self.max_attributes - 1);
        self.int(key, self.row.dropped);
    }

    /// Intern an attribute key. None, and counted as a dropped attribute, when it breaks the limits of [`crate::limits`].
    pub fn key_id(&mut self, key: &[u8]) -> Option<KeyId> {
        if key.len() <= MAX_KEY_BYTES {
            if self.row.attributes < self.max_attributes && self.columns.keys.len() < MAX_BATCH_KEYS {
                return Some(self.intern(key));
            }
            if let Some(id) = self.columns.keys.find([key]) {
                return Some(KeyId(id));
            }
        }
        self.row.dropped += 1;
        None
    }

    /// Count an attribute that the decoder could not take.
    pub fn drop_attribute(&mut self) {
        self.row.dropped += 1;
    }

    fn intern(&mut self, key: &[u8]) -> KeyId {
        let id = self.columns.keys.intern([key]);
        if id as usize == self.key_uses.len() {
            self.key_uses.push(KeyUse { row: 0, slot: Slot::Text, index: 0 });
        }
        KeyId(id)
    }

    /// The bytes of an interned key.
    pub fn key(&self, id: KeyId) -> &[u8] {
        self.columns.keys.get(id.0, 0)
    }

    /// Note the key for this row and say whether there is room for its value.
    #[inline]
    fn admit(&mut self, key: KeyId, slot: Slot, index: usize, bytes: usize) -> bool {
        let known = self.key_uses[key.index()];
        if known.row == self.row.ordinal {
            self.row.bytes += bytes as u64;
            self.row.bytes -= self.replace(known);
        } else if self.row.attributes < self.max_attributes {
            self.row.attributes += 1;
            self.row.bytes += (self.columns.keys.get(key.0, 0).len() + bytes) as u64;
        } else {
            self.row.dropped += 1;
            return false;
        }
        self.key_uses[key.index()] = KeyUse { row: self.row.ordinal, slot, index: index as u32 };
        true
    }

    /// Mark an earlier value of the row as replaced; returns its bytes.
    #[cold]
    fn replace(&mut self, known: KeyUse) -> u64 {
        self.row.replaced = true;
        let index = known.index as usize;
        let columns = &mut self.columns;
        let (keys, bytes) = match known.slot {
            Slot::Text => (&mut columns.strings.keys, columns.strings.values.get(index).len()),
            Slot::Int => (&mut columns.ints.keys, 8),
            Slot::Float => (&mut columns.floats.keys, 8),
            Slot::Bool => (&mut columns.bools.keys, 1),
            Slot::Json => (&mut columns.jsons.keys, columns.jsons.values.get(index).len()),
        };
        keys[index] = REPLACED;
        bytes as u64
    }

    /// Text attribute; valid UTF-8.
    #[inline]
    pub(crate) fn string(&mut self, key: KeyId, value: &[u8]) {
        if self.admit(key, Slot::Text, self.columns.strings.keys.len(), value.len()) {
            self.columns.strings.push(key.0, value);
        }
    }

    /// Integer attribute.
    #[inline]
    pub(crate) fn int(&mut self, key: KeyId, value: i64) {
        if self.admit(key, Slot::Int, self.columns.ints.keys.len(), 8) {
            self.columns.ints.push(key.0, value);
        }
    }

    /// Floating point attribute.
    #[inline]
    pub(crate) fn float(&mut self, key: KeyId, value: f64) {
        if self.admit(key, Slot::Float, self.columns.floats.keys.len(), 8) {
            self.columns.floats.push(key.0, value);
        }
    }

    /// Boolean attribute.
    #[inline]
    pub(crate) fn bool(&mut self, key: KeyId, value: bool) {
        if self.admit(key, Slot::Bool, self.columns.bools.keys.len(), 1) {
            self.columns.bools.push(key.0, value);
        }
    }

    /// Attribute of any other type as JSON text: arrays, objects, bytes in base64. Valid UTF-8.
    #[inline]
    pub(crate) fn json(&mut self, key: KeyId, value: &[u8]) {
        if self.admit(key, Slot::Json, self.columns.jsons.keys.len(), value.len()) {
            self.columns.jsons.push(key.0, value);
        }
    }

    /// The columns, without a row that was not committed.
    pub(crate) fn finish(mut self) -> Attributes {
        self.abort();
        self.columns
    }
}
