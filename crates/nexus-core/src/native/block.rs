//! A Native block under construction: the header, then each column's name, type and data.

/// Version of the keys of a `LowCardinality` column: shared dictionaries with additional keys.
const LOW_CARDINALITY_VERSION: u64 = 1;
/// Index flags: the block brings its own keys, and they replace the dictionary.
const OWN_KEYS: u64 = (1 << 9) | (1 << 10);

/// The bytes of one block.
#[derive(Debug)]
pub struct Block {
    out: Vec<u8>,
    columns: u64,
    written: u64,
}

impl Block {
    /// A block of `rows` rows, one at least, and `columns` columns; `capacity` is a guess of its bytes.
    pub fn new(columns: usize, rows: usize, capacity: usize) -> Self {
        let mut block = Self { out: Vec::with_capacity(capacity), columns: columns as u64, written: 0 };
        block.var_uint(columns as u64);
        block.var_uint(rows as u64);
        block
    }

    /// Begin a column.
    pub fn column(&mut self, name: &str, kind: &str) {
        self.written += 1;
        self.string(name.as_bytes());
        self.string(kind.as_bytes());
    }

    /// The bytes. Panics when the number of columns is not the one announced, which would be a mistake in this crate.
    pub fn finish(self) -> Vec<u8> {
        assert_eq!(self.columns, self.written, "columns written");
        self.out
    }

    /// LEB128.
    #[inline]
    pub fn var_uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    /// A `String` value.
    #[inline]
    pub fn string(&mut self, value: &[u8]) {
        self.var_uint(value.len() as u64);
        self.out.extend_from_slice(value);
    }

    /// Raw bytes.
    pub fn bytes(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// Fixed-width values, little endian.
    pub fn values<const N: usize>(&mut self, values: impl ExactSizeIterator<Item = [u8; N]>) {
        self.out.reserve(N * values.len());
        for value in values {
            self.out.extend_from_slice(&value);
        }
    }

    /// `count` zero bytes.
    pub fn zeros(&mut self, count: usize) {
        self.out.resize(self.out.len() + count, 0);
    }

    /// What precedes a `LowCardinality` column, or the column that holds one inside.
    pub fn low_cardinality_prefix(&mut self) {
        self.values(std::iter::once(LOW_CARDINALITY_VERSION.to_le_bytes()));
    }

    /// Keys and indices of a `LowCardinality(String)` column (or, when the first key stands for NULL, of a
    /// `LowCardinality(Nullable(String))`). Nothing at all when there are no rows.
    pub fn low_cardinality<'k>(
        &mut self,
        keys: impl ExactSizeIterator<Item = &'k [u8]>,
        indices: impl ExactSizeIterator<Item = u32>,
    ) {
        if indices.len() == 0 {
            return;
        }
        let width = match keys.len() {
            0..=0x100 => 0_u64,
            0x101..=0x1_0000 => 1,
            _ => 2,
        };
        let word = |value: u64| std::iter::once(value.to_le_bytes());
        self.values(word(OWN_KEYS | width));
        self.values(word(keys.len() as u64));
        keys.for_each(|key| self.string(key));
        self.values(word(indices.len() as u64));
        match width {
            0 => self.out.extend(indices.map(|index| index as u8)),
            1 => self.values(indices.map(|index| (index as u16).to_le_bytes())),
            _ => self.values(indices.map(u32::to_le_bytes)),
        }
    }
}
