//! InfluxDB's line protocol: `measurement,tag=value field=1.5,other=2i 1700000000000000000`, one a line.
//!
//! A field becomes the series `measurement_field` (as VictoriaMetrics names it), tags its labels. Numbers are kept, booleans
//! become 1 and 0, text is passed over: a metric has no text. A line that cannot be read is refused with its number.

use super::Decoded;
use super::builder::BatchBuilder;

/// What the request says besides its lines.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Nanoseconds of a time's unit.
    pub unit_ns: i64,
    /// Time of lines that have none.
    pub now_ms: i64,
    /// Becomes the label `db` unless the line has one; empty is none.
    pub database: &'a str,
}

/// Decode lines.
pub fn decode_influx(body: &[u8], options: &Options<'_>) -> Decoded {
    let mut builder = BatchBuilder::new(body.len());
    let mut line = Line::default();
    for (number, text) in body.split(|&byte| byte == b'\n').enumerate() {
        let text = text.strip_suffix(b"\r").unwrap_or(text).trim_ascii();
        if text.is_empty() || text[0] == b'#' {
            continue;
        }
        match line.read(text) {
            Ok(()) => line.emit(number, options, &mut builder),
            Err(what) => {
                let shown = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
                builder.reject_record(number + 1, 1, || format!("{what} in {shown:?}"));
            }
        }
    }
    builder.finish()
}

/// A line taken apart; its texts without escapes, one after the other in `text`.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
    measurement: usize,
    tags: Vec<(std::ops::Range<usize>, std::ops::Range<usize>)>,
    fields: Vec<(std::ops::Range<usize>, f64)>,
    time: Option<i64>,
    name: Vec<u8>,
}

impl Line {
    fn read(&mut self, line: &[u8]) -> Result<(), &'static str> {
        self.text.clear();
        self.tags.clear();
        self.fields.clear();
        self.time = None;
        let mut at = self.word(line, 0, b", ");
        self.measurement = self.text.len();
        if self.measurement == 0 {
            return Err("there is no measurement");
        }
        while line.get(at) == Some(&b',') {
            let start = self.text.len();
            at = self.word(line, at + 1, b",= ");
            let name = start..self.text.len();
            if line.get(at) != Some(&b'=') {
                return Err("a tag has no value");
            }
            at = self.word(line, at + 1, b", ");
            let value = name.end..self.text.len();
            if name.is_empty() {
                return Err("a tag has no name");
            }
            self.tags.push((name, value));
        }
        at = blanks(line, at);
        if at >= line.len() {
            return Err("there are no fields");
        }
        loop {
            let start = self.text.len();
            at = self.word(line, at, b",= ");
            let name = start..self.text.len();
            if line.get(at) != Some(&b'=') || name.is_empty() {
                return Err("a field has no name or no value");
            }
            at += 1;
            if line.get(at) == Some(&b'"') {
                at = quoted_end(line, at + 1).ok_or("a text has no end")?;
            } else {
                let length = line[at..].iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(line.len() - at);
                let value = number(&line[at..at + length]).ok_or("a field's value is no number")?;
                self.fields.push((name, value));
                at += length;
            }
            match line.get(at) {
                Some(b',') => at += 1,
                Some(b' ') | None => break,
                Some(_) => return Err("something follows a text"),
            }
        }
        at = blanks(line, at);
        if at < line.len() {
            self.time = Some(integer(&line[at..]).ok_or("the time is no integer")?);
        }
        Ok(())
    }

    /// Append the text from `at` to the first of `ends` that is not escaped; where that is.
    fn word(&mut self, line: &[u8], mut at: usize, ends: &[u8]) -> usize {
        while let Some(&byte) = line.get(at) {
            if ends.contains(&byte) {
                break;
            }
            // A backslash stands for itself unless it escapes something.
            if byte == b'\\' && line.get(at + 1).is_some_and(|next| matches!(next, b',' | b'=' | b' ' | b'\\')) {
                at += 1;
            }
            self.text.push(line[at]);
            at += 1;
        }
        at
    }

    fn emit(&mut self, number: usize, options: &Options<'_>, builder: &mut BatchBuilder) {
        let time = match self.time {
            Some(time) => match i128::from(time) * i128::from(options.unit_ns) / 1_000_000 {
                time if time.abs() < i128::from(i64::MAX) => time as i64,
                _ => {
                    builder.reject_record(number + 1, self.fields.len(), || format!("the time {time} is too large"));
                    return;
                }
            },
            None => options.now_ms,
        };
        let named = self.tags.iter().any(|(name, _)| self.text[name.clone()] == *b"db");
        for (field, value) in &self.fields {
            self.name.clear();
            self.name.extend_from_slice(&self.text[..self.measurement]);
            self.name.push(b'_');
            self.name.extend_from_slice(&self.text[field.clone()]);
            builder.begin(number);
            builder.label(b"__name__", &self.name);
            if !named {
                builder.label(b"db", options.database.as_bytes());
            }
            for (name, value) in &self.tags {
                builder.label(&self.text[name.clone()], &self.text[value.clone()]);
            }
            builder.float(time, *value);
            builder.end();
        }
    }
}

fn blanks(line: &[u8], mut at: usize) -> usize {
    while line.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

/// Behind the quote that ends a text.
fn quoted_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match line.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn number(text: &[u8]) -> Option<f64> {
    match text {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => return Some(1.0),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => return Some(0.0),
        _ => {}
    }
    if let Some(digits) = text.strip_suffix(b"i") {
        return integer(digits).map(|value| value as f64);
    }
    if let Some(digits) = text.strip_suffix(b"u") {
        return std::str::from_utf8(digits).ok()?.parse::<u64>().ok().map(|value| value as f64);
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    // The protocol has neither infinities nor NaN.
    value.is_finite().then_some(value)
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use nexus_series::labels::unpack;

    const OPTIONS: Options<'static> = Options { unit_ns: 1, now_ms: 77, database: "" };

    fn decode(body: &str) -> (Vec<String>, Vec<String>) {
        let Decoded { batch, rejections } = decode_influx(body.as_bytes(), &OPTIONS);
        let series = batch.series.iter().map(|series| {
            let labels: Vec<_> =
                unpack(batch.labels_of(series)).map(|(name, value)| format!("{name}={value}")).collect();
            let at = series.floats.start;
            format!("{} {}@{}", labels.join(","), batch.values[at], batch.timestamps[at])
        });
        (series.collect(), rejections.first().iter().map(|(number, message)| format!("{number} {message}")).collect())
    }

    #[test]
    fn fields_become_series() {
        let (series, errors) = decode(
            "cpu,host=a,region=eu\\ west usage=0.5,idle=10i,up=t,note=\"a, b=\\\"c\\\" d\",n=3u 1700000000123456789\n\
             # a comment\n\nmem free=1e3\r\nwe\\,ird\\ name,a\\=b=c\\,d v\\ x=-1 -1000000\n",
        );
        assert_eq!(errors, [""; 0]);
        assert_eq!(
            series,
            [
                "__name__=cpu_usage,host=a,region=eu west 0.5@1700000000123",
                "__name__=cpu_idle,host=a,region=eu west 10@1700000000123",
                "__name__=cpu_up,host=a,region=eu west 1@1700000000123",
                "__name__=cpu_n,host=a,region=eu west 3@1700000000123",
                "__name__=mem_free 1000@77",
                "__name__=we,ird name_v x,a=b=c,d -1@-1",
            ]
        );
    }

    #[test]
    fn bad_lines_cost_themselves() {
        let (series, errors) = decode(
            "a\na,b v=1\n,x v=1\na v=\na v=x\na v=1 soon\na v=\"x\na =1\na,=b v=1\na v=NaN\na v=1i5\na v=1\na,v=1",
        );
        assert_eq!(series, ["__name__=a_v 1@77"]);
        let what: Vec<&str> = errors.iter().map(|error| error.split(" in ").next().unwrap()).collect();
        assert_eq!(
            what,
            [
                "1 there are no fields",
                "2 a tag has no value",
                "3 there is no measurement",
                "4 a field's value is no number",
                "5 a field's value is no number",
                "6 the time is no integer",
                "7 a text has no end",
                "8 a field has no name or no value",
                "9 a tag has no name",
                "10 a field's value is no number",
                "11 a field's value is no number",
                "13 there are no fields",
            ]
        );
    }

    #[test]
    fn units_and_databases() {
        let options = Options { unit_ns: 1_000_000_000, now_ms: 0, database: "prod" };
        let decoded = decode_influx(b"a v=1 5\na,db=x v=1 9223372036854775807", &options);
        assert_eq!(decoded.batch.timestamps, [5000]);
        assert_eq!(decoded.rejections.first()[0].1, "the time 9223372036854775807 is too large");
        let labels: Vec<_> = unpack(&decoded.batch.labels).collect();
        assert_eq!(labels, [("__name__", "a_v"), ("db", "prod")]);
    }
}
