//! Graphite's plaintext protocol: `path.of.the.metric;tag=value 12.5 1700000000`, one a line.
//!
//! The path is the metric's name as it is: dots are no separators of labels. Times are seconds; -1 or none at all is now.

use super::Decoded;
use super::builder::BatchBuilder;

/// Decode lines. `now_ms` is the time of those that have none.
pub fn decode_graphite(body: &[u8], now_ms: i64) -> Decoded {
    let mut builder = BatchBuilder::new(body.len());
    for (number, line) in body.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if let Err(what) = read(line, number, now_ms, &mut builder) {
            let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
            builder.reject_record(number + 1, 1, || format!("{what} in {shown:?}"));
        }
    }
    builder.finish()
}

fn read(line: &[u8], number: usize, now_ms: i64, builder: &mut BatchBuilder) -> Result<(), &'static str> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let path = words.next().ok_or("there is nothing")?;
    let value = float(words.next().ok_or("there is no value")?).ok_or("the value is no number")?;
    let time = match words.next() {
        None | Some(b"-1" | b"N") => now_ms,
        Some(time) => {
            let seconds =
                float(time).filter(|seconds| seconds.abs() < 1e15).ok_or("the time is no number of seconds")?;
            (seconds * 1000.0) as i64
        }
    };
    if words.next().is_some() {
        return Err("something follows the time");
    }
    let mut parts = path.split(|&byte| byte == b';');
    let name = parts.next().filter(|name| !name.is_empty()).ok_or("there is no path")?;
    let tags: Vec<&[u8]> = parts.collect();
    if tags.iter().any(|tag| memchr::memchr(b'=', tag).is_none_or(|at| at == 0)) {
        return Err("a tag is no name=value");
    }
    builder.begin(number);
    builder.label(b"__name__", name);
    for tag in tags {
        let at = memchr::memchr(b'=', tag).expect("checked above");
        builder.label(&tag[..at], &tag[at + 1..]);
    }
    builder.float(time, value);
    builder.end();
    Ok(())
}

fn float(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;
    use nexus_series::labels::unpack;

    #[test]
    fn lines_become_samples() {
        let decoded = decode_graphite(
            b"servers.web1.cpu 1.5 1700000000\na;region=eu;dc= -2e3 1700000000.25\n\nb\t3\nc 4 -1\r\nd NaN N\n",
            77,
        );
        assert_eq!(decoded.rejections.first(), []);
        assert_eq!(decoded.batch.timestamps, [1_700_000_000_000, 1_700_000_000_250, 77, 77, 77]);
        assert_eq!(decoded.batch.values[..4], [1.5, -2000.0, 3.0, 4.0]);
        let labels: Vec<_> = unpack(decoded.batch.labels_of(&decoded.batch.series[1])).collect();
        assert_eq!(labels, [("__name__", "a"), ("region", "eu")]);
    }

    #[test]
    fn bad_lines_cost_themselves() {
        let decoded =
            decode_graphite(b"a\na x 1\na 1 x\na 1 2 3\na;b 1 2\na;=c 1 2\n;a=b 1 2\na;x=1;x=2 1 2\nok 1 2", 0);
        let messages: Vec<_> = decoded.rejections.first().iter().map(|(n, m)| format!("{n} {m}")).collect();
        assert_eq!(
            messages,
            [
                "1 there is no value in \"a\"",
                "2 the value is no number in \"a x 1\"",
                "3 the time is no number of seconds in \"a 1 x\"",
                "4 something follows the time in \"a 1 2 3\"",
                "5 a tag is no name=value in \"a;b 1 2\"",
                "6 a tag is no name=value in \"a;=c 1 2\"",
                "7 there is no path in \";a=b 1 2\"",
                "8 \"a\": the label \"x\" comes twice",
            ]
        );
        assert_eq!(decoded.batch.timestamps, [2000]);
    }
}
