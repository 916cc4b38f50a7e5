//! Jaeger's spans in Thrift (`jaeger.thrift`): a `Batch` over HTTP, a call of `Agent.emitBatch` over UDP.

use super::batch::SpanBatch;
use super::jaeger::{Reference, parent_and_links, push};
use super::tagged::{Process, TaggedSpans, nanos};
use super::thrift::{Binary, Bytes, Compact, Fields, Kind, Protocol, ThriftError, binary, skip, structs};
use crate::decode::{DecodeError, Decoded};
use crate::limits::MAX_ATTRIBUTES;
use crate::otlp::fault::{Fault, Stop};
use crate::otlp::records::{check_size, utf8};
use crate::otlp::text::Scalar;

type Walk<T> = Result<T, Stop<ThriftError>>;

impl From<ThriftError> for Stop<ThriftError> {
    fn from(error: ThriftError) -> Self {
        Self::Request(error)
    }
}

/// Decode a `Batch` in the binary protocol, or a call of `emitBatch` with one.
///
/// # Errors
/// When the body is neither. Without lengths around its parts nothing can be read behind a fault.
pub fn decode_jaeger_binary(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    // A call begins with its version or with the length of its name, a batch with the type of a field.
    decode(Binary, body, now_ns, matches!(body.first(), Some(0 | 0x80)) && body.len() > 1)
}

/// Decode a `Batch` in the compact protocol, or a call of `emitBatch` with one; errors as [`decode_jaeger_binary`].
pub fn decode_jaeger_compact(body: &[u8], now_ns: i64) -> Result<Decoded<SpanBatch>, DecodeError> {
    decode(Compact, body, now_ns, body.first() == Some(&0x82))
}

/// Decode datagrams, each behind its length (4 bytes, little-endian). One that cannot be read costs nothing else, and what was
/// read of it before the fault is kept.
///
/// # Errors
/// When lengths do not fit, which is a fault of whoever put the datagrams together.
pub fn decode_jaeger_datagrams(body: &[u8], now_ns: i64, compact: bool) -> Result<Decoded<SpanBatch>, DecodeError> {
    check_size(body)?;
    let mut spans = TaggedSpans::new(now_ns);
    let mut rest = body;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((datagram, after)) = after.split_at_checked(length) else {
            return Err(DecodeError(format!("a datagram of {length} bytes in the {} that are left", after.len())));
        };
        let walk = if compact {
            let mut decoder = Decoder { protocol: Compact, input: Bytes::new(datagram), spans: &mut spans };
            decoder.call()
        } else {
            let mut decoder = Decoder { protocol: Binary, input: Bytes::new(datagram), spans: &mut spans };
            decoder.call()
        };
        match walk {
            Ok(()) => {}
            Err(Stop::Request(error)) => spans.reject(|| format!("a datagram that is no call of emitBatch: {error}")),
            Err(Stop::Part(fault)) => spans.reject(|| format!("a datagram that is no call of emitBatch: {fault}")),
        }
        rest = after;
    }
    if rest.is_empty() { Ok(spans.finish()) } else { Err(DecodeError("half a length at the end".to_owned())) }
}

fn decode<P: Protocol>(protocol: P, body: &[u8], now_ns: i64, call: bool) -> Result<Decoded<SpanBatch>, DecodeError> {
    check_size(body)?;
    let mut spans = TaggedSpans::new(now_ns);
    let mut decoder = Decoder { protocol, input: Bytes::new(body), spans: &mut spans };
    match if call { decoder.call() } else { decoder.batch() } {
        Ok(()) => Ok(spans.finish()),
        Err(Stop::Request(error)) => Err(DecodeError(format!("not a batch of jaeger.thrift: {error}"))),
        Err(Stop::Part(fault)) => Err(DecodeError(format!("not a batch of jaeger.thrift: {fault}"))),
    }
}

struct Decoder<'a, 's, P> {
    protocol: P,
    input: Bytes<'a>,
    spans: &'s mut TaggedSpans,
}

/// A tag: key and value.
type Tag<'a> = (&'a [u8], Scalar<'a>);

impl<'a, P: Protocol> Decoder<'a, '_, P> {
    /// Read a call of `emitBatch`.
    fn call(&mut self) -> Walk<()> {
        let start = self.input;
        if self.protocol.call(&mut self.input)? != b"emitBatch" {
            return Ok(start.error("a call of emitBatch")?);
        }
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::Struct) => self.batch()?,
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        Ok(())
    }

    fn batch(&mut self) -> Walk<()> {
        let mut known = false;
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::Struct) if !known => {
                    known = true;
                    self.process()?;
                }
                (2, Kind::List) => {
                    if !known {
                        known = true;
                        self.look_ahead()?;
                    }
                    for _ in 0..structs(self.protocol, &mut self.input)? {
                        self.span()?;
                    }
                }
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        Ok(())
    }

    /// Read the process that may come after the spans here, and come back.
    #[cold]
    fn look_ahead(&mut self) -> Walk<()> {
        let here = self.input;
        skip(self.protocol, &mut self.input, Kind::List)?;
        // Numbers that are distances count from the spans'.
        let mut last = 2;
        while let Some((kind, number)) = self.protocol.field(&mut self.input, last)? {
            last = number;
            if let (1, Kind::Struct) = (number, kind) {
                self.process()?;
                self.input = here;
                return Ok(());
            }
            skip(self.protocol, &mut self.input, kind)?;
        }
        self.spans.set_process(&Process::new(b"", std::iter::empty()));
        self.input = here;
        Ok(())
    }

    fn process(&mut self) -> Walk<()> {
        let mut service = &b""[..];
        let mut tags = Vec::new();
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::Binary) => service = self.text("name of the service")?,
                (2, Kind::List) => self.tags(&mut tags)?,
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        self.spans.set_process(&Process::new(service, tags.into_iter()));
        Ok(())
    }

    fn span(&mut self) -> Walk<()> {
        let start = self.input;
        let walk = match self.spans.begin() {
            None => self.read_span(),
            Some(fault) => Err(fault.into()),
        };
        match walk {
            Ok(()) => self.spans.end(Ok(())),
            Err(Stop::Request(error)) => return Err(error.into()),
            Err(Stop::Part(fault)) => {
                self.input = start;
                skip(self.protocol, &mut self.input, Kind::Struct)?;
                self.spans.end(Err(fault));
            }
        }
        Ok(())
    }

    fn read_span(&mut self) -> Walk<()> {
        let (mut low, mut high, mut id, mut parent) = (0, 0, 0, 0);
        let (mut time, mut duration) = (0, 0);
        let mut references = Vec::new();
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::I64) => low = self.protocol.i64(&mut self.input)?,
                (2, Kind::I64) => high = self.protocol.i64(&mut self.input)?,
                (3, Kind::I64) => id = self.protocol.i64(&mut self.input)?,
                (4, Kind::I64) => parent = self.protocol.i64(&mut self.input)?,
                (5, Kind::Binary) => {
                    let name = self.text("operation name")?;
                    self.spans.builder().name(utf8(name));
                }
                (6, Kind::List) => self.references(&mut references)?,
                (7, Kind::I32) => {
                    // The bit of debugging is Jaeger's own.
                    let flags = self.protocol.i32(&mut self.input)? as u32 & 1;
                    self.spans.builder().flags(flags);
                }
                (8, Kind::I64) => time = self.protocol.i64(&mut self.input)?,
                (9, Kind::I64) => duration = self.protocol.i64(&mut self.input)?,
                (10, Kind::List) => {
                    for _ in 0..structs(self.protocol, &mut self.input)? {
                        let (key, value) = self.tag()?;
                        self.spans.tag(key, value);
                    }
                }
                (11, Kind::List) => {
                    for _ in 0..structs(self.protocol, &mut self.input)? {
                        self.log()?;
                    }
                }
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        let trace = trace_id(high, low);
        self.spans.builder().trace_id(trace);
        self.spans.builder().span_id(id.to_be_bytes());
        parent_and_links(self.spans, trace, parent.to_be_bytes(), &references);
        Ok(self.spans.times(time, duration)?)
    }

    fn references(&mut self, references: &mut Vec<Reference>) -> Walk<()> {
        for _ in 0..structs(self.protocol, &mut self.input)? {
            let (mut follows, mut low, mut high, mut id) = (false, 0, 0, 0);
            let mut fields = Fields::new();
            while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
                match (number, kind) {
                    (1, Kind::I32) => follows = self.protocol.i32(&mut self.input)? == 1,
                    (2, Kind::I64) => low = self.protocol.i64(&mut self.input)?,
                    (3, Kind::I64) => high = self.protocol.i64(&mut self.input)?,
                    (4, Kind::I64) => id = self.protocol.i64(&mut self.input)?,
                    _ => skip(self.protocol, &mut self.input, kind)?,
                }
            }
            push(references, Reference { trace_id: trace_id(high, low), span_id: id.to_be_bytes(), follows });
        }
        Ok(())
    }

    fn log(&mut self) -> Walk<()> {
        let mut time = 0;
        let mut tags = Vec::new();
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::I64) => time = self.protocol.i64(&mut self.input)?,
                (2, Kind::List) => self.tags(&mut tags)?,
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        self.spans.event(nanos("timestamp of a log", time)?, tags.into_iter());
        Ok(())
    }

    /// Read a list of tags, as many as are kept.
    fn tags(&mut self, tags: &mut Vec<Tag<'a>>) -> Walk<()> {
        for _ in 0..structs(self.protocol, &mut self.input)? {
            let tag = self.tag()?;
            if tags.len() <= MAX_ATTRIBUTES {
                tags.push(tag);
            }
        }
        Ok(())
    }

    fn tag(&mut self) -> Walk<Tag<'a>> {
        let mut key = &b""[..];
        let mut wanted = 0;
        let (mut text, mut bytes) = (&b""[..], &b""[..]);
        let (mut double, mut flag, mut long) = (0.0, false, 0);
        let mut fields = Fields::new();
        while let Some((kind, number)) = fields.next(self.protocol, &mut self.input)? {
            match (number, kind) {
                (1, Kind::Binary) => key = self.text("key of a tag")?,
                (2, Kind::I32) => wanted = self.protocol.i32(&mut self.input)?,
                (3, Kind::Binary) => text = self.text("value of a tag")?,
                (4, Kind::Double) => double = self.protocol.double(&mut self.input)?,
                (5, Kind::Bool(Some(value))) => flag = value,
                (5, Kind::Bool(None)) => flag = self.protocol.bool(&mut self.input)?,
                (6, Kind::I64) => long = self.protocol.i64(&mut self.input)?,
                (7, Kind::Binary) => bytes = binary(self.protocol, &mut self.input)?,
                _ => skip(self.protocol, &mut self.input, kind)?,
            }
        }
        let value = match wanted {
            0 => Scalar::Text(text),
            1 => Scalar::Double(double),
            2 => Scalar::Bool(flag),
            3 => Scalar::Int(long),
            4 => Scalar::Bytes(bytes),
            _ => Scalar::Empty,
        };
        Ok((key, value))
    }

    fn text(&mut self, field: &'static str) -> Walk<&'a [u8]> {
        let text = binary(self.protocol, &mut self.input)?;
        match simdutf8::basic::from_utf8(text) {
            Ok(_) => Ok(text),
            Err(_) => Err(Fault::Utf8 { field, offset: self.input.offset() - text.len() }.into()),
        }
    }
}

fn trace_id(high: i64, low: i64) -> [u8; 16] {
    (u128::from(high as u64) << 64 | u128::from(low as u64)).to_be_bytes()
}
