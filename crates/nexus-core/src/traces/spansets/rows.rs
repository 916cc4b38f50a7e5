//! Rows of spans, as the engine writes them: RowBinary, the spans of a trace one after the other.

use super::SpansetError;

/// The spans of one trace, in columns.
#[derive(Debug, Default)]
pub(super) struct Trace<'a> {
    pub id: [u8; 16],
    pub ids: Vec<u64>,
    pub parents: Vec<u64>,
    pub starts: Vec<i64>,
    pub leaves: Vec<u64>,
    /// So many of each span; NaN where it has none.
    pub values: Vec<f64>,
    /// So many of each span.
    pub keys: Vec<Option<&'a [u8]>>,
}

impl Trace<'_> {
    /// Number of spans.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.parents.clear();
        self.starts.clear();
        self.leaves.clear();
        self.values.clear();
        self.keys.clear();
    }
}

/// Reads rows, a trace at a time.
pub(super) struct Rows<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
    keys: usize,
}

impl<'a> Rows<'a> {
    /// Rows with so many values and keys.
    pub fn new(bytes: &'a [u8], values: usize, keys: usize) -> Self {
        Self { bytes, at: 0, values, keys }
    }

    /// Read the next trace; false at the end.
    pub fn next(&mut self, trace: &mut Trace<'a>) -> Result<bool, SpansetError> {
        trace.clear();
        if self.at == self.bytes.len() {
            return Ok(false);
        }
        trace.id = self.peek_id()?;
        while self.at < self.bytes.len() && self.peek_id()? == trace.id {
            self.at += 16;
            trace.ids.push(u64::from_be_bytes(self.fixed()?));
            trace.parents.push(u64::from_be_bytes(self.fixed()?));
            trace.starts.push(i64::from_le_bytes(self.fixed()?));
            let _duration: [u8; 8] = self.fixed()?;
            trace.leaves.push(u64::from_le_bytes(self.fixed()?));
            self.count(self.values, "values")?;
            for _ in 0..self.values {
                let value = if self.is_null()? { f64::NAN } else { f64::from_le_bytes(self.fixed()?) };
                trace.values.push(value);
            }
            self.count(self.keys, "keys")?;
            for _ in 0..self.keys {
                let key = if self.is_null()? { None } else { Some(self.text()?) };
                trace.keys.push(key);
            }
        }
        if u32::try_from(trace.len()).is_err() {
            return Err(SpansetError("a trace has more spans than fit".to_owned()));
        }
        Ok(true)
    }

    fn peek_id(&self) -> Result<[u8; 16], SpansetError> {
        self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(short)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], SpansetError> {
        let chunk = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or_else(short)?;
        self.at += N;
        Ok(chunk)
    }

    fn is_null(&mut self) -> Result<bool, SpansetError> {
        let [flag] = self.fixed()?;
        Ok(flag != 0)
    }

    fn number(&mut self) -> Result<usize, SpansetError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(value).map_err(|_| short());
            }
        }
        Err(SpansetError("a number in the rows is too long".to_owned()))
    }

    fn count(&mut self, wanted: usize, what: &str) -> Result<(), SpansetError> {
        let found = self.number()?;
        if found == wanted {
            return Ok(());
        }
        Err(SpansetError(format!("a row has {found} {what}, the program takes {wanted}")))
    }

    fn text(&mut self) -> Result<&'a [u8], SpansetError> {
        let length = self.number()?;
        let end = self.at.checked_add(length).ok_or_else(short)?;
        let text = self.bytes.get(self.at..end).ok_or_else(short)?;
        self.at = end;
        Ok(text)
    }
}

fn short() -> SpansetError {
    SpansetError("the rows of spans end within a row".to_owned())
}
