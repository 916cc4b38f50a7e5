//! OTLP log requests, in protobuf and in JSON.

/// A protobuf message in the making.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// The bytes.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Add a varint field.
    pub fn varint(mut self, field: u64, value: u64) -> Self {
        self.number(field << 3);
        self.number(value);
        self
    }

    /// Add a `fixed64` or `double` field.
    pub fn fixed64(mut self, field: u64, value: u64) -> Self {
        self.number(field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Add a `fixed32` field.
    pub fn fixed32(mut self, field: u64, value: u32) -> Self {
        self.number(field << 3 | 5);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Add a string, bytes or message field.
    pub fn field(mut self, field: u64, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref();
        self.number(field << 3 | 2);
        self.number(payload.len() as u64);
        self.0.extend_from_slice(payload);
        self
    }

    /// Add each as a message field.
    pub fn fields(self, field: u64, payloads: impl IntoIterator<Item = Vec<u8>>) -> Self {
        payloads.into_iter().fold(self, |message, payload| message.field(field, payload))
    }
}

fn text(value: &str) -> Vec<u8> {
    Message::default().field(1, value).bytes()
}

fn int(value: i64) -> Vec<u8> {
    Message::default().varint(3, value as u64).bytes()
}

fn pair(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    Message::default().field(1, key).field(2, value).bytes()
}

fn request(resource: Vec<u8>, scope: Vec<u8>, records: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let logs = Message::default().field(1, scope).fields(2, records).bytes();
    Message::default().field(1, Message::default().field(1, resource).field(2, logs).bytes()).bytes()
}

/// A request of a web shop: `records` lines of about 100 characters, each with 3 to 5 attributes and a trace.
pub fn shop(records: u64) -> Vec<u8> {
    let resource = Message::default()
        .field(1, pair("service.name", text("checkout")))
        .field(1, pair("service.version", text("2.14.1")))
        .field(1, pair("host.name", text("ip-10-3-7-122")))
        .field(1, pair("telemetry.sdk.language", text("python")))
        .bytes();
    let scope = Message::default().field(1, "shop.checkout").field(2, "1.0").bytes();
    request(resource, scope, (0..records).map(shop_record))
}

fn shop_record(index: u64) -> Vec<u8> {
    let random = index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let id = [random.to_be_bytes(), (!random).to_be_bytes()].concat();
    let status = [200, 200, 200, 404, 500][index as usize % 5];
    let body = format!(
        "order {index} of customer {} paid with card in {} ms, {} items shipped from warehouse {}",
        random % 100_000,
        random % 977,
        random % 7,
        random % 13
    );
    let record = Message::default()
        .fixed64(1, 1_700_000_000_000_000_000 + index * 1_000_003)
        .varint(2, if status == 500 { 17 } else { 9 })
        .field(3, if status == 500 { "ERROR" } else { "INFO" })
        .field(5, text(&body))
        .field(6, pair("http.request.method", text(["GET", "POST"][index as usize % 2])))
        .field(6, pair("url.path", text(&format!("/api/orders/{}", random % 10_000))))
        .field(6, pair("http.response.status_code", int(status)));
    let record = match index % 3 {
        0 => record,
        1 => record.field(6, pair("cache.hit", Message::default().varint(2, 1).bytes())),
        _ => record
            .field(6, pair("cache.hit", Message::default().varint(2, 0).bytes()))
            .field(6, pair("duration", Message::default().fixed64(4, 0.25_f64.to_bits()).bytes())),
    };
    record.fixed32(8, 1).field(9, &id).field(10, &id[..8]).fixed64(11, 1_700_000_000_000_500_000).bytes()
}

/// Requests of all kinds.
pub fn small() -> Vec<Vec<u8>> {
    let nested = |inner: Vec<u8>| Message::default().field(5, Message::default().field(1, inner).bytes()).bytes();
    let map = Message::default()
        .field(6, Message::default().field(1, pair("b", nested(int(-1)))).field(1, pair("a", b"")).bytes())
        .bytes();
    let values = Message::default()
        .field(5, &map)
        .field(6, pair("bytes", Message::default().field(7, b"\0\xff").bytes()))
        .field(6, pair("double", Message::default().fixed64(4, f64::NAN.to_bits()).bytes()))
        .field(6, pair("n", int(i64::MIN)))
        .field(6, pair("map", &map))
        .field(6, pair("", nested(nested(text("deep")))))
        .field(12, "event")
        .bytes();
    let twice = Message::default()
        .field(5, nested(int(1)))
        .field(5, nested(int(2)))
        .varint(99, 7)
        .fixed64(1, u64::MAX)
        .fixed32(8, u32::MAX)
        .bytes();
    let logs = Message::default().field(2, &values).field(2, b"\x0b\x13\x14\x0c").field(1, pair("late", "1")).bytes();
    let backwards =
        Message::default().field(2, logs).field(1, Message::default().field(1, pair("a", b"")).bytes()).bytes();
    vec![
        shop(3),
        request(Vec::new(), Vec::new(), [values, twice, text("\u{fffd}")]),
        Message::default().field(1, backwards).varint(7, 1).bytes(),
        Vec::new(),
    ]
}

/// Many empty records, resources, values and keys; deep nesting.
pub fn heavy() -> Vec<Vec<u8>> {
    let record = |record: Vec<u8>| request(Vec::new(), Vec::new(), [record]);
    let any = |value: Vec<u8>| record(Message::default().field(5, value).bytes());
    let list =
        |field: u64, piece: &[u8]| Message::default().field(field, piece.repeat(super::HEAVY / piece.len())).bytes();
    let keys =
        (0..400_000_u32).fold(Message::default(), |message, i| message.field(6, pair(&format!("k{i}"), b"\x18\x01")));
    vec![
        b"\x0a\x00".repeat(super::HEAVY / 2),
        Message::default().field(1, list(2, b"\x12\x00")).bytes(),
        any(deep(60_000)),
        any(list(5, b"\x0a\x00")),
        any(list(6, b"\x0a\x00")),
        record(b"\x32\x00".repeat(super::HEAVY / 2)),
        record(keys.bytes()),
    ]
}

/// An array in an array in an array, written from its end.
fn deep(levels: usize) -> Vec<u8> {
    let mut backwards = Vec::new();
    for tag in [1_u8 << 3 | 2, 5 << 3 | 2].into_iter().cycle().take(2 * levels) {
        let mut length = Message::default();
        length.number(backwards.len() as u64);
        backwards.extend(length.0.iter().rev());
        backwards.push(tag);
    }
    backwards.reverse();
    backwards
}
