//! What is wrong with remote write requests, and what becomes of it.

use super::remote_write::{decode_v1, decode_v2};
use nexus_series::batch::MetricKind;
use nexus_series::labels::unpack;

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    assert!(bytes.len() < 128, "a short field");
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
    out
}

fn label(name: &str, value: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
}

fn sample(timestamp: u8, value: f64) -> Vec<u8> {
    field(2, &[&[0x09][..], &value.to_le_bytes(), &[0x10, timestamp]].concat())
}

#[test]
fn unsorted_labels_are_sorted_and_samples_keep_their_order() {
    let series =
        [sample(9, 1.0), label("job", "a"), label("__name__", "up"), sample(3, f64::NAN), label("x", "")].concat();
    let decoded = decode_v1(&field(1, &series)).unwrap();
    assert_eq!(decoded.rejections.count(), 0);
    let series = &decoded.batch.series[0];
    assert_eq!(unpack(decoded.batch.labels_of(series)).collect::<Vec<_>>(), [("__name__", "up"), ("job", "a")]);
    assert_eq!(decoded.batch.timestamps, [9, 3]);
}

#[test]
fn a_bad_series_costs_nothing_else() {
    let body = [
        field(1, &[label("__name__", "a"), sample(1, 1.0)].concat()),
        field(1, &[label("__name__", "b"), label("c", "1"), label("c", "2"), sample(1, 1.0), sample(2, 1.0)].concat()),
        field(1, &[label("job", "b"), sample(1, 1.0)].concat()),
        field(1, &[label("__name__", "d"), sample(1, 1.0)].concat()),
    ]
    .concat();
    let decoded = decode_v1(&body).unwrap();
    assert_eq!(decoded.batch.series.len(), 2);
    assert_eq!(decoded.batch.values.len(), 2);
    assert_eq!(decoded.rejections.count(), 3);
    assert_eq!(
        decoded.rejections.first(),
        [
            (2, "\"b\": the label \"c\" comes twice".to_owned()),
            (3, "there is no metric name (label __name__)".to_owned()),
        ]
    );
}

#[test]
fn a_bad_histogram_costs_no_float() {
    let histogram = field(4, &[0x08, 5, 0x78, 1]);
    let body = field(1, &[label("__name__", "a"), histogram, sample(1, 1.0)].concat());
    let decoded = decode_v1(&body).unwrap();
    assert_eq!((decoded.batch.values.len(), decoded.batch.histograms.len()), (1, 0));
    let message = "the histogram counts 5 observations, its buckets 0".to_owned();
    assert_eq!(decoded.rejections.first(), [(1, message)]);
}

#[test]
fn metadata_of_a_family() {
    let metadata = field(3, &[&[0x08, 3][..], &field(2, b"latency"), &field(4, b"How long"), &field(5, b"s")].concat());
    let decoded = decode_v1(&metadata).unwrap();
    assert_eq!(decoded.batch.metadata[0].kind, MetricKind::Histogram);
    let symbols: Vec<u8> =
        ["", "__name__", "latency_bucket", "How long"].iter().flat_map(|text| field(4, text.as_bytes())).collect();
    let series = [field(1, &[1, 2]), sample(1, 1.0), field(5, &[0x08, 3, 0x18, 3])].concat();
    let decoded = decode_v2(&[field(5, &series), symbols].concat()).unwrap();
    let metadata = &decoded.batch.metadata[0];
    assert_eq!((metadata.name.as_str(), metadata.help.as_str()), ("latency", "How long"));
}

#[test]
fn references_to_nothing_are_refused() {
    for refs in [&[0, 9][..], &[1, 2, 1], &[200, 1, 1]] {
        let symbols = [field(4, b""), field(4, b"__name__"), field(4, b"up")].concat();
        let body = [symbols, field(5, &[field(1, refs), sample(1, 1.0)].concat())].concat();
        let decoded = decode_v2(&body).unwrap();
        assert!(decoded.batch.series.is_empty());
        assert!(decoded.rejections.first()[0].1.contains("labels_refs are no pairs of numbers below 3"), "{refs:?}");
    }
}

#[test]
fn references_cannot_fill_the_memory() {
    let name = "n".repeat(100);
    let symbols = [field(4, b""), field(4, name.as_bytes())].concat();
    let mut series = vec![0x0a, 0xc0, 0x84, 0x3d];
    series.extend(std::iter::repeat_n(1_u8, 1_000_000));
    series.extend(sample(1, 1.0));
    let mut body = symbols;
    body.push(0x2a);
    let mut length = series.len();
    while length >= 128 {
        body.push(length as u8 | 128);
        length >>= 7;
    }
    body.push(length as u8);
    body.extend(series);
    let decoded = decode_v2(&body).unwrap();
    assert_eq!(decoded.rejections.count(), 1);
    assert!(decoded.rejections.first()[0].1.contains("65536 are allowed"));
    assert!(decoded.batch.labels.capacity() < 8 << 20);
}

#[test]
fn what_is_no_message_is_refused_whole() {
    for body in [&b"\x0a\x05\x01"[..], b"{}", b"\x0a\x02\x0a\x01", b"\xff"] {
        assert!(decode_v1(body).unwrap_err().0.starts_with("not a remote write 1.0 request: at byte "));
    }
    assert!(decode_v2(b"\x2a\x05\x01").unwrap_err().0.starts_with("not a remote write 2.0 request: at byte "));
    assert_eq!(decode_v1(b"").unwrap().batch.series.len(), 0);
}
