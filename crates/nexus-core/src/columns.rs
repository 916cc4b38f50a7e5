//! Columns of a batch: plain vectors that can be cut back, so that a record can be rolled back.

/// Strings end to end; always valid UTF-8 each.
#[derive(Debug, Clone)]
pub struct Strings {
    data: Vec<u8>,
    /// One more than there are values; the first is 0.
    offsets: Vec<u32>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { data: Vec::new(), offsets: vec![0] }
    }
}

impl Strings {
    /// Make room.
    pub fn reserve(&mut self, values: usize, bytes: usize) {
        self.offsets.reserve(values);
        self.data.reserve(bytes);
    }

    /// Append a value.
    pub fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.offsets.push(self.data.len() as u32);
    }

    /// Append all values of another column.
    pub fn extend(&mut self, other: &Self) {
        let start = self.data.len() as u32;
        self.data.extend_from_slice(&other.data);
        self.offsets.extend(other.offsets[1..].iter().map(|offset| start + offset));
    }

    /// Value at `index`.
    pub fn get(&self, index: usize) -> &[u8] {
        &self.data[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// No values?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keep the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.data.truncate(self.offsets[len] as usize);
    }

    /// Keep the values before `from` and of the others those that `keep` wants (by index).
    pub fn retain_from(&mut self, from: usize, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = from;
        let mut end = self.offsets[from] as usize;
        for index in from..self.len() {
            let (start, stop) = (self.offsets[index] as usize, self.offsets[index + 1] as usize);
            if keep(index) {
                self.data.copy_within(start..stop, end);
                end += stop - start;
                kept += 1;
                self.offsets[kept] = end as u32;
            }
        }
        self.truncate(kept);
    }

    /// All bytes of the values.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Where values end: one more than there are values, the first is 0.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Bytes held.
    pub fn num_bytes(&self) -> usize {
        self.data.len() + 4 * self.offsets.len()
    }
}

/// Values of one attribute type.
pub trait Values: Default {
    /// Number of values.
    fn count(&self) -> usize;
    /// Keep the first `len` values.
    fn cut(&mut self, len: usize);
    /// Keep the values before `from` and of the others those that `keep` wants (by index).
    fn keep_from(&mut self, from: usize, keep: impl FnMut(usize) -> bool);
}

impl Values for Strings {
    fn count(&self) -> usize {
        self.len()
    }
    fn cut(&mut self, len: usize) {
        self.truncate(len);
    }
    fn keep_from(&mut self, from: usize, keep: impl FnMut(usize) -> bool) {
        self.retain_from(from, keep);
    }
}

impl<T: Copy> Values for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
    fn cut(&mut self, len: usize) {
        self.truncate(len);
    }
    fn keep_from(&mut self, from: usize, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = from;
        for index in from..self.len() {
            if keep(index) {
                self[kept] = self[index];
                kept += 1;
            }
        }
        self.truncate(kept);
    }
}

/// Key of an entry that a later one of the same record replaced; gone when the record is committed.
pub(crate) const REPLACED: u32 = u32::MAX;

/// A map column: for each row some (key id, value) entries. Keys are ids in the batch's key dictionary.
#[derive(Debug, Clone)]
pub struct MapColumn<V> {
    /// Key of each entry.
    pub keys: Vec<u32>,
    /// Value of each entry.
    pub values: V,
    /// Where the rows' entries end: one more than there are rows, the first is 0.
    pub offsets: Vec<u32>,
}

impl<V: Values> Default for MapColumn<V> {
    fn default() -> Self {
        Self { keys: Vec::new(), values: V::default(), offsets: vec![0] }
    }
}

impl<V: Values> MapColumn<V> {
    /// Entries of a row.
    pub fn row(&self, row: usize) -> std::ops::Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// First entry of the row being built.
    fn open(&self) -> usize {
        self.offsets[self.offsets.len() - 1] as usize
    }

    /// Append the rows of another column whose keys have these ids here.
    pub(crate) fn append(&mut self, part: &Self, keys: &[u32], values: fn(&mut V, &V)) {
        let start = self.keys.len() as u32;
        self.keys.extend(part.keys.iter().map(|&id| keys[id as usize]));
        values(&mut self.values, &part.values);
        self.offsets.extend(part.offsets[1..].iter().map(|offset| start + offset));
    }

    pub(crate) fn end_row(&mut self) {
        self.offsets.push(self.keys.len() as u32);
    }

    pub(crate) fn abort_row(&mut self) {
        let open = self.open();
        self.keys.truncate(open);
        self.values.cut(open);
    }

    /// Drop replaced entries of the row being built.
    pub(crate) fn compact_row(&mut self) {
        let open = self.open();
        let keys = &self.keys;
        self.values.keep_from(open, |index| keys[index] != REPLACED);
        let mut kept = open;
        for index in open..self.keys.len() {
            if self.keys[index] != REPLACED {
                self.keys[kept] = self.keys[index];
                kept += 1;
            }
        }
        self.keys.truncate(kept);
    }
}

impl MapColumn<Strings> {
    pub(crate) fn push(&mut self, key: u32, value: &[u8]) {
        self.keys.push(key);
        self.values.push(value);
    }
}

impl<T: Copy> MapColumn<Vec<T>> {
    pub(crate) fn push(&mut self, key: u32, value: T) {
        self.keys.push(key);
        self.values.push(value);
    }
}

/// The value of one attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AttributeValue<'a> {
    String(&'a [u8]),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Arrays, objects and the like, as JSON text.
    Json(&'a [u8]),
}
