//! OTLP metrics in protobuf. Fields may come in any order: what others depend on is looked for first.

use super::super::MAX_BUCKETS;
use super::assemble::Assembler;
use super::point::{Attributes, Buckets, Kind, Metric, Point, RawExemplar, add_attribute};
use crate::metrics::remote_write::zigzag;
use crate::otlp::fault::Stop;
use crate::otlp::protobuf_value::{Value, key_value, value, write_value};
use crate::otlp::schema::{resource, resource_group, scope};
use crate::otlp::text::Scalar;
use crate::otlp::wire::{FIXED64, LEN, Reader, Singular, VARINT, WireError, tag};

type Walk<T> = Result<T, WireError>;

const DATA: [(u32, Kind); 5] = [
    (tag(5, LEN), Kind::Gauge),
    (tag(7, LEN), Kind::Sum),
    (tag(9, LEN), Kind::Histogram),
    (tag(10, LEN), Kind::Exponential),
    (tag(11, LEN), Kind::Summary),
];

/// Read an `ExportMetricsServiceRequest`.
pub fn request(body: &[u8], assembler: &mut Assembler<'_>) -> Walk<()> {
    const RESOURCE_METRICS: u32 = tag(1, LEN);
    let mut request = Reader::new(body, 0);
    while let Some(found) = request.tag()? {
        match found {
            RESOURCE_METRICS => resource_metrics(request.message()?, assembler)?,
            _ => request.skip(found)?,
        }
    }
    Ok(())
}

fn resource_metrics(mut metrics: Reader<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    const SCOPE_METRICS: u32 = tag(2, LEN);
    let found = Singular::find(metrics, resource_group::RESOURCE)?;
    let mut given = Vec::new();
    let mut rest = found.reader().unwrap_or(Reader::EMPTY);
    while let Some(found) = rest.tag()? {
        match found {
            resource::ATTRIBUTES => attribute(rest.message()?, &mut given)?,
            _ => rest.skip(found)?,
        }
    }
    assembler.enter_resource(given);
    while let Some(found) = metrics.tag()? {
        match found {
            SCOPE_METRICS => scope_metrics(metrics.message()?, assembler)?,
            _ => metrics.skip(found)?,
        }
    }
    assembler.leave_resource();
    Ok(())
}

fn scope_metrics(mut metrics: Reader<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    const SCOPE: u32 = tag(1, LEN);
    const METRICS: u32 = tag(2, LEN);
    const SCHEMA_URL: u32 = tag(3, LEN);
    let found = Singular::find(metrics, SCOPE)?;
    let url = Singular::find(metrics, SCHEMA_URL)?;
    let (mut name, mut version, mut given) = (String::new(), String::new(), Vec::new());
    let mut rest = found.reader().unwrap_or(Reader::EMPTY);
    while let Some(found) = rest.tag()? {
        match found {
            scope::NAME => name = text(rest.message()?),
            scope::VERSION => version = text(rest.message()?),
            scope::ATTRIBUTES => attribute(rest.message()?, &mut given)?,
            _ => rest.skip(found)?,
        }
    }
    assembler.enter_scope(&name, &version, &url.reader().map(text).unwrap_or_default(), &given);
    let mut point = Point::default();
    while let Some(found) = metrics.tag()? {
        match found {
            METRICS => metric(metrics.message()?, assembler, &mut point)?,
            _ => metrics.skip(found)?,
        }
    }
    Ok(())
}

fn metric(message: Reader<'_>, assembler: &mut Assembler<'_>, point: &mut Point) -> Walk<()> {
    const NAME: u32 = tag(1, LEN);
    const DESCRIPTION: u32 = tag(2, LEN);
    const UNIT: u32 = tag(3, LEN);
    let mut metric = Metric::default();
    let mut data = None;
    let mut rest = message;
    while let Some(found) = rest.tag()? {
        match found {
            NAME => metric.name = text(rest.message()?),
            DESCRIPTION => metric.description = text(rest.message()?),
            UNIT => metric.unit = text(rest.message()?),
            _ => match DATA.iter().find(|(data, _)| *data == found) {
                // Of alternatives the last one counts.
                Some((_, kind)) => data = Some((*kind, rest.message()?)),
                None => rest.skip(found)?,
            },
        }
    }
    let Some((kind, data)) = data else { return Ok(()) };
    metric.kind = kind;
    points(data, &mut metric, assembler, point)
}

fn points(data: Reader<'_>, metric: &mut Metric, assembler: &mut Assembler<'_>, point: &mut Point) -> Walk<()> {
    const POINTS: u32 = tag(1, LEN);
    const TEMPORALITY: u32 = tag(2, VARINT);
    const MONOTONIC: u32 = tag(3, VARINT);
    let mut rest = data;
    while let Some(found) = rest.tag()? {
        match found {
            TEMPORALITY => metric.temporality = rest.varint()?,
            MONOTONIC => metric.monotonic = rest.varint()? != 0,
            _ => rest.skip(found)?,
        }
    }
    assembler.enter_metric(metric);
    let mut rest = data;
    while let Some(found) = rest.tag()? {
        if found != POINTS {
            rest.skip(found)?;
            continue;
        }
        *point = Point::default();
        let message = rest.message()?;
        match metric.kind {
            Kind::Gauge | Kind::Sum => number(message, point)?,
            Kind::Histogram => histogram(message, point)?,
            Kind::Exponential => exponential(message, point)?,
            Kind::Summary => summary(message, point)?,
        }
        assembler.point(metric, point);
    }
    Ok(())
}

fn number(mut message: Reader<'_>, point: &mut Point) -> Walk<()> {
    while let Some(found) = message.tag()? {
        match found {
            START => point.start = message.fixed64()?,
            TIME => point.time = message.fixed64()?,
            AS_DOUBLE => point.value = Some(f64::from_bits(message.fixed64()?)),
            AS_INT => point.value = Some(message.fixed64()? as i64 as f64),
            NUMBER_EXEMPLARS => point.add_exemplar(exemplar(message.message()?)?),
            ATTRIBUTES_7 => attribute(message.message()?, &mut point.attributes)?,
            NUMBER_FLAGS => point.flags = message.varint()?,
            _ => message.skip(found)?,
        }
    }
    Ok(())
}

const START: u32 = tag(2, FIXED64);
const TIME: u32 = tag(3, FIXED64);
const AS_DOUBLE: u32 = tag(4, FIXED64);
const NUMBER_EXEMPLARS: u32 = tag(5, LEN);
const AS_INT: u32 = tag(6, FIXED64);
const ATTRIBUTES_7: u32 = tag(7, LEN);
const NUMBER_FLAGS: u32 = tag(8, VARINT);
const COUNT: u32 = tag(4, FIXED64);
const SUM: u32 = tag(5, FIXED64);

fn histogram(mut message: Reader<'_>, point: &mut Point) -> Walk<()> {
    const COUNTS: u32 = tag(6, LEN);
    const ONE_COUNT: u32 = tag(6, FIXED64);
    const BOUNDS: u32 = tag(7, LEN);
    const ONE_BOUND: u32 = tag(7, FIXED64);
    const EXEMPLARS: u32 = tag(8, LEN);
    const ATTRIBUTES: u32 = tag(9, LEN);
    const FLAGS: u32 = tag(10, VARINT);
    while let Some(found) = message.tag()? {
        match found {
            START => point.start = message.fixed64()?,
            TIME => point.time = message.fixed64()?,
            COUNT => point.count = message.fixed64()?,
            SUM => point.sum = Some(f64::from_bits(message.fixed64()?)),
            COUNTS => {
                let mut packed = message.message()?;
                while !packed.rest().is_empty() {
                    point.counts.push(packed.fixed64()?);
                }
            }
            ONE_COUNT => point.counts.push(message.fixed64()?),
            BOUNDS => {
                let mut packed = message.message()?;
                while !packed.rest().is_empty() {
                    point.bounds.push(f64::from_bits(packed.fixed64()?));
                }
            }
            ONE_BOUND => point.bounds.push(f64::from_bits(message.fixed64()?)),
            EXEMPLARS => point.add_exemplar(exemplar(message.message()?)?),
            ATTRIBUTES => attribute(message.message()?, &mut point.attributes)?,
            FLAGS => point.flags = message.varint()?,
            _ => message.skip(found)?,
        }
    }
    point.too_many = point.counts.len() > MAX_BUCKETS || point.bounds.len() > MAX_BUCKETS;
    Ok(())
}

fn exponential(mut message: Reader<'_>, point: &mut Point) -> Walk<()> {
    const ATTRIBUTES: u32 = tag(1, LEN);
    const SCALE: u32 = tag(6, VARINT);
    const ZERO_COUNT: u32 = tag(7, FIXED64);
    const POSITIVE: u32 = tag(8, LEN);
    const NEGATIVE: u32 = tag(9, LEN);
    const FLAGS: u32 = tag(10, VARINT);
    const EXEMPLARS: u32 = tag(11, LEN);
    const ZERO_THRESHOLD: u32 = tag(14, FIXED64);
    while let Some(found) = message.tag()? {
        match found {
            ATTRIBUTES => attribute(message.message()?, &mut point.attributes)?,
            START => point.start = message.fixed64()?,
            TIME => point.time = message.fixed64()?,
            COUNT => point.count = message.fixed64()?,
            SUM => point.sum = Some(f64::from_bits(message.fixed64()?)),
            SCALE => point.scale = zigzag(message.varint()?) as i32,
            ZERO_COUNT => point.zero_count = message.fixed64()?,
            POSITIVE => buckets(message.message()?, &mut point.positive)?,
            NEGATIVE => buckets(message.message()?, &mut point.negative)?,
            FLAGS => point.flags = message.varint()?,
            EXEMPLARS => point.add_exemplar(exemplar(message.message()?)?),
            ZERO_THRESHOLD => point.zero_threshold = f64::from_bits(message.fixed64()?),
            _ => message.skip(found)?,
        }
    }
    point.too_many = point.positive.counts.len() + point.negative.counts.len() > MAX_BUCKETS;
    Ok(())
}

fn buckets(mut message: Reader<'_>, buckets: &mut Buckets) -> Walk<()> {
    const OFFSET: u32 = tag(1, VARINT);
    const COUNTS: u32 = tag(2, LEN);
    const ONE_COUNT: u32 = tag(2, VARINT);
    while let Some(found) = message.tag()? {
        match found {
            OFFSET => buckets.offset = zigzag(message.varint()?) as i32,
            COUNTS => {
                let mut packed = message.message()?;
                while !packed.rest().is_empty() {
                    let count = packed.varint()?;
                    if buckets.counts.len() <= MAX_BUCKETS {
                        buckets.counts.push(count);
                    }
                }
            }
            ONE_COUNT => buckets.counts.push(message.varint()?),
            _ => message.skip(found)?,
        }
    }
    Ok(())
}

fn summary(mut message: Reader<'_>, point: &mut Point) -> Walk<()> {
    const QUANTILES: u32 = tag(6, LEN);
    while let Some(found) = message.tag()? {
        match found {
            START => point.start = message.fixed64()?,
            TIME => point.time = message.fixed64()?,
            COUNT => point.count = message.fixed64()?,
            SUM => point.sum = Some(f64::from_bits(message.fixed64()?)),
            QUANTILES => point.add_quantile(quantile(message.message()?)?),
            ATTRIBUTES_7 => attribute(message.message()?, &mut point.attributes)?,
            NUMBER_FLAGS => point.flags = message.varint()?,
            _ => message.skip(found)?,
        }
    }
    Ok(())
}

fn quantile(mut message: Reader<'_>) -> Walk<(f64, f64)> {
    const QUANTILE: u32 = tag(1, FIXED64);
    const VALUE: u32 = tag(2, FIXED64);
    let mut pair = (0.0, 0.0);
    while let Some(found) = message.tag()? {
        match found {
            QUANTILE => pair.0 = f64::from_bits(message.fixed64()?),
            VALUE => pair.1 = f64::from_bits(message.fixed64()?),
            _ => message.skip(found)?,
        }
    }
    Ok(pair)
}

fn exemplar(mut message: Reader<'_>) -> Walk<RawExemplar> {
    const TIME: u32 = tag(2, FIXED64);
    const AS_DOUBLE: u32 = tag(3, FIXED64);
    const SPAN_ID: u32 = tag(4, LEN);
    const TRACE_ID: u32 = tag(5, LEN);
    let mut exemplar = RawExemplar::default();
    while let Some(found) = message.tag()? {
        match found {
            TIME => exemplar.time = message.fixed64()?,
            AS_DOUBLE => exemplar.value = f64::from_bits(message.fixed64()?),
            AS_INT => exemplar.value = message.fixed64()? as i64 as f64,
            SPAN_ID => exemplar.span_id = hex::<8>(message.message()?),
            TRACE_ID => exemplar.trace_id = hex::<16>(message.message()?),
            ATTRIBUTES_7 => attribute(message.message()?, &mut exemplar.attributes)?,
            _ => message.skip(found)?,
        }
    }
    Ok(exemplar)
}

/// An id as text; empty when it is none of `N` bytes.
fn hex<const N: usize>(id: Reader<'_>) -> String {
    use std::fmt::Write;
    let bytes = id.rest();
    if bytes.len() != N || bytes.iter().all(|&byte| byte == 0) {
        return String::new();
    }
    bytes.iter().fold(String::with_capacity(2 * N), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(reader: Reader<'_>) -> String {
    String::from_utf8_lossy(reader.rest()).into_owned()
}

/// An attribute as text. What is no text in it is replaced; a value that is nested too deeply is left out.
fn attribute(message: Reader<'_>, attributes: &mut Attributes) -> Walk<()> {
    let (key, found) = key_value(message)?;
    let text_of = match value(found.reader())? {
        Value::Text(found) => text(found),
        Value::Scalar(Scalar::Empty) => String::new(),
        other => {
            let mut out = Vec::new();
            match write_value(&mut out, other, 0) {
                Ok(()) => {}
                Err(Stop::Request(error)) => return Err(error),
                Err(Stop::Part(_)) => return Ok(()),
            }
            let written = String::from_utf8_lossy(&out).into_owned();
            // Bytes are text in base64, without its quotes.
            match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inner) => inner.to_owned(),
                None => written,
            }
        }
    };
    add_attribute(attributes, text(key), text_of);
    Ok(())
}
