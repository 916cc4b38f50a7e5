//! OTLP metrics in JSON. Members may come in any order: when points come before what they depend on, the reader looks
//! ahead and comes back, so that each byte is passed over at most twice a level.

use super::super::MAX_BUCKETS;
use super::assemble::Assembler;
use super::point::{Attributes, Buckets, Kind, Metric, Point, RawExemplar, add_attribute};
use crate::json::reader::Token;
use crate::otlp::fault::Stop;
use crate::otlp::json_input::{Input, Members, Walk, unexpected};
use crate::otlp::json_value::{Value, read_pair};
use crate::otlp::text::{Scalar, write_scalar};

const DATA: [(&[u8], Kind); 5] = [
    (b"gauge", Kind::Gauge),
    (b"sum", Kind::Sum),
    (b"histogram", Kind::Histogram),
    (b"exponentialHistogram", Kind::Exponential),
    (b"summary", Kind::Summary),
];

/// Read an `ExportMetricsServiceRequest`; the problem when it is none.
pub fn request(body: &[u8], assembler: &mut Assembler<'_>) -> Result<(), String> {
    // Some senders begin with a byte order mark.
    let mut input = Input::new(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    match read_request(&mut input, assembler) {
        Ok(()) => Ok(()),
        Err(Stop::Request(error)) => Err(format!("at byte {}: {}", error.offset, error.what)),
        Err(Stop::Part(fault)) => Err(fault.to_string()),
    }
}

fn read_request(input: &mut Input<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    open(input, "request")?;
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"resourceMetrics" => each(input, "resourceMetrics", |input| resource_metrics(input, assembler))?,
            _ => input.skip()?,
        }
    }
    if input.reader.at_end() { Ok(()) } else { Err(input.reader.error("expected the end of the request").into()) }
}

/// The `{` of an object that must be there.
fn open(input: &mut Input<'_>, field: &'static str) -> Walk<()> {
    match input.token()? {
        (Token::Object, _) => Ok(()),
        (_, offset) => unexpected(field, "an object", offset),
    }
}

/// Read an array of objects, each with `read` after its `{`.
fn each<'a>(input: &mut Input<'a>, field: &'static str, mut read: impl FnMut(&mut Input<'a>) -> Walk<()>) -> Walk<()> {
    let mut first = true;
    if input.open_array(field)? {
        while input.reader.element(std::mem::take(&mut first))? {
            open(input, field)?;
            read(input)?;
        }
    }
    Ok(())
}

/// Read the members of the object whose `{` has been read: `before` all but those named, whose places are remembered, then
/// these with `after`, in order. Both read the member's value; `before` answers whether it did.
fn in_two<'a, S>(
    input: &mut Input<'a>,
    state: &mut S,
    late: &[&[u8]],
    mut before: impl FnMut(&mut Input<'a>, &[u8], &mut S) -> Walk<bool>,
    mut after: impl FnMut(&mut Input<'a>, usize, &mut S) -> Walk<()>,
    between: impl FnOnce(&mut S, &[(usize, usize)]),
) -> Walk<()> {
    let mut places = Vec::new();
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        if let Some(which) = late.iter().position(|name| *name == member) {
            places.push((which, input.reader.position));
            input.skip()?;
        } else if !before(input, member, state)? {
            input.skip()?;
        }
    }
    let end = input.reader.position;
    between(state, &places);
    for (which, place) in places {
        input.reader.position = place;
        after(input, which, state)?;
    }
    input.reader.position = end;
    Ok(())
}

fn resource_metrics(input: &mut Input<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    let mut given = Attributes::new();
    let mut state = (assembler, &mut given);
    in_two(
        input,
        &mut state,
        &[b"scopeMetrics"],
        |input, member, state| {
            if member != b"resource" {
                return Ok(false);
            }
            if input.open_object("resource")? {
                let mut members = Members::new();
                while let Some(member) = members.next(input)? {
                    match member {
                        b"attributes" => attributes(input, state.1)?,
                        _ => input.skip()?,
                    }
                }
            }
            Ok(true)
        },
        |input, _, state| each(input, "scopeMetrics", |input| scope_metrics(input, state.0)),
        |state, _| state.0.enter_resource(std::mem::take(state.1)),
    )?;
    state.0.leave_resource();
    Ok(())
}

#[derive(Default)]
struct Scope {
    name: String,
    version: String,
    schema_url: String,
    attributes: Attributes,
}

fn scope_metrics(input: &mut Input<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    in_two(
        input,
        &mut (assembler, Scope::default()),
        &[b"metrics"],
        |input, member, (_, scope)| {
            match member {
                b"schemaUrl" => scope.schema_url = text(input, "schemaUrl")?,
                b"scope" => {
                    if input.open_object("scope")? {
                        let mut members = Members::new();
                        while let Some(member) = members.next(input)? {
                            match member {
                                b"name" => scope.name = text(input, "name of the scope")?,
                                b"version" => scope.version = text(input, "version of the scope")?,
                                b"attributes" => attributes(input, &mut scope.attributes)?,
                                _ => input.skip()?,
                            }
                        }
                    }
                }
                _ => return Ok(false),
            }
            Ok(true)
        },
        |input, _, (assembler, _)| each(input, "metrics", |input| metric(input, assembler)),
        |(assembler, scope), _| {
            assembler.enter_scope(&scope.name, &scope.version, &scope.schema_url, &scope.attributes);
        },
    )
}

fn metric(input: &mut Input<'_>, assembler: &mut Assembler<'_>) -> Walk<()> {
    let mut metric = Metric::default();
    let names: Vec<&[u8]> = DATA.iter().map(|(name, _)| *name).collect();
    let mut data = None;
    in_two(
        input,
        &mut (&mut metric, &mut data),
        &names,
        |input, member, (metric, _)| {
            match member {
                b"name" => metric.name = text(input, "name of the metric")?,
                b"description" => metric.description = text(input, "description")?,
                b"unit" => metric.unit = text(input, "unit")?,
                _ => return Ok(false),
            }
            Ok(true)
        },
        |input, which, (_, data)| {
            // Of alternatives the last one counts.
            **data = Some((DATA[which].1, input.reader.position));
            Ok(input.skip()?)
        },
        |_, _| {},
    )?;
    let Some((kind, place)) = data else { return Ok(()) };
    metric.kind = kind;
    let end = input.reader.position;
    input.reader.position = place;
    if input.open_object("data of the metric")? {
        points(input, &mut metric, assembler)?;
    }
    input.reader.position = end;
    Ok(())
}

fn points(input: &mut Input<'_>, metric: &mut Metric, assembler: &mut Assembler<'_>) -> Walk<()> {
    in_two(
        input,
        &mut (assembler, metric),
        &[b"dataPoints"],
        |input, member, (_, metric)| {
            match member {
                b"aggregationTemporality" => {
                    metric.temporality = u64::from(input.small_enum("aggregationTemporality")?);
                }
                b"isMonotonic" => metric.monotonic = input.bool("isMonotonic")?.unwrap_or(false),
                _ => return Ok(false),
            }
            Ok(true)
        },
        |input, _, (assembler, metric)| {
            let mut first = true;
            if !input.open_array("dataPoints")? {
                return Ok(());
            }
            while input.reader.element(std::mem::take(&mut first))? {
                let start = input.reader.position;
                let mut point = Point::default();
                match read_point(input, &mut point) {
                    Ok(()) => assembler.point(metric, &point),
                    Err(Stop::Part(fault)) => {
                        input.skip_at(start)?;
                        assembler.refuse_point(fault.to_string());
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        },
        |(assembler, metric), _| assembler.enter_metric(metric),
    )
}

fn read_point(input: &mut Input<'_>, point: &mut Point) -> Walk<()> {
    open(input, "data point")?;
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"attributes" => attributes(input, &mut point.attributes)?,
            b"startTimeUnixNano" => point.start = input.unsigned("startTimeUnixNano")?,
            b"timeUnixNano" => point.time = input.unsigned("timeUnixNano")?,
            b"flags" => point.flags = input.unsigned("flags")?,
            b"asDouble" => point.value = input.double("asDouble")?.or(point.value),
            b"asInt" => point.value = input.int("asInt")?.map(|value| value as f64).or(point.value),
            b"count" => point.count = input.unsigned("count")?,
            b"sum" => point.sum = input.double("sum")?,
            b"bucketCounts" => counts(input, &mut point.counts)?,
            b"explicitBounds" => {
                let mut first = true;
                if input.open_array("explicitBounds")? {
                    while input.reader.element(std::mem::take(&mut first))? {
                        let bound = input.double("explicitBounds")?.unwrap_or_default();
                        if point.bounds.len() <= MAX_BUCKETS {
                            point.bounds.push(bound);
                        }
                    }
                }
            }
            b"scale" => point.scale = input.int("scale")?.unwrap_or_default() as i32,
            b"zeroCount" => point.zero_count = input.unsigned("zeroCount")?,
            b"zeroThreshold" => point.zero_threshold = input.double("zeroThreshold")?.unwrap_or_default(),
            b"positive" => buckets(input, &mut point.positive)?,
            b"negative" => buckets(input, &mut point.negative)?,
            b"quantileValues" => each(input, "quantileValues", |input| {
                let mut pair = (0.0, 0.0);
                let mut members = Members::new();
                while let Some(member) = members.next(input)? {
                    match member {
                        b"quantile" => pair.0 = input.double("quantile")?.unwrap_or_default(),
                        b"value" => pair.1 = input.double("value")?.unwrap_or_default(),
                        _ => input.skip()?,
                    }
                }
                point.add_quantile(pair);
                Ok(())
            })?,
            b"exemplars" => each(input, "exemplars", |input| {
                point.add_exemplar(exemplar(input)?);
                Ok(())
            })?,
            _ => input.skip()?,
        }
    }
    point.too_many = point.counts.len().max(point.bounds.len()) > MAX_BUCKETS
        || point.positive.counts.len() + point.negative.counts.len() > MAX_BUCKETS;
    Ok(())
}

fn exemplar(input: &mut Input<'_>) -> Walk<RawExemplar> {
    let mut exemplar = RawExemplar::default();
    let mut members = Members::new();
    while let Some(member) = members.next(input)? {
        match member {
            b"filteredAttributes" => attributes(input, &mut exemplar.attributes)?,
            b"timeUnixNano" => exemplar.time = input.unsigned("timeUnixNano")?,
            b"asDouble" => exemplar.value = input.double("asDouble")?.unwrap_or_default(),
            b"asInt" => exemplar.value = input.int("asInt")?.unwrap_or_default() as f64,
            b"spanId" => exemplar.span_id = id(&text(input, "spanId")?, 16),
            b"traceId" => exemplar.trace_id = id(&text(input, "traceId")?, 32),
            _ => input.skip()?,
        }
    }
    Ok(exemplar)
}

/// An id in lower case; empty when it is none of so many hex digits.
fn id(text: &str, digits: usize) -> String {
    let hex =
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|b| b != b'0');
    if hex { text.to_ascii_lowercase() } else { String::new() }
}

fn buckets(input: &mut Input<'_>, buckets: &mut Buckets) -> Walk<()> {
    if input.open_object("buckets")? {
        let mut members = Members::new();
        while let Some(member) = members.next(input)? {
            match member {
                b"offset" => buckets.offset = input.int("offset")?.unwrap_or_default() as i32,
                b"bucketCounts" => counts(input, &mut buckets.counts)?,
                _ => input.skip()?,
            }
        }
    }
    Ok(())
}

fn counts(input: &mut Input<'_>, out: &mut Vec<u64>) -> Walk<()> {
    let mut first = true;
    if input.open_array("bucketCounts")? {
        while input.reader.element(std::mem::take(&mut first))? {
            let count = input.unsigned("bucketCounts")?;
            if out.len() <= MAX_BUCKETS {
                out.push(count);
            }
        }
    }
    Ok(())
}

fn text(input: &mut Input<'_>, field: &'static str) -> Walk<String> {
    let text = input.text(field)?;
    Ok(text.map(|text| String::from_utf8_lossy(text.resolve(&mut Vec::new())).into_owned()).unwrap_or_default())
}

fn attributes(input: &mut Input<'_>, out: &mut Attributes) -> Walk<()> {
    let mut first = true;
    if input.open_array("attributes")? {
        let mut buffer = Vec::new();
        while input.reader.element(std::mem::take(&mut first))? {
            buffer.clear();
            let (key, value) = read_pair(input, &mut buffer, 0)?;
            let value = match &value {
                Value::Text(text) => String::from_utf8_lossy(text.resolve(&mut Vec::new())).into_owned(),
                Value::Scalar(Scalar::Empty) => String::new(),
                Value::Written => String::from_utf8_lossy(&buffer).into_owned(),
                other => {
                    other.with_scalar(|scalar| write_scalar(&mut buffer, scalar));
                    let written = String::from_utf8_lossy(&buffer);
                    written.trim_matches('"').to_owned()
                }
            };
            add_attribute(out, String::from_utf8_lossy(&key).into_owned(), value);
        }
    }
    Ok(())
}
