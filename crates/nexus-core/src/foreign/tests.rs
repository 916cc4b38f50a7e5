//! What each decoder makes of good and bad records. Encodings that must agree, half bodies and damage are tested from Python.

use super::*;
use crate::decode::Decoded;
use crate::json::fields::FieldMapping;

const NOW: i64 = 1_780_315_200_000_000_000;

fn bodies(decoded: &Decoded) -> Vec<&str> {
    let batch = &decoded.batch;
    (0..batch.num_rows()).map(|row| std::str::from_utf8(batch.bodies.get(row)).unwrap()).collect()
}

fn resource(decoded: &Decoded, row: usize) -> &str {
    std::str::from_utf8(decoded.batch.origins.resources.get(decoded.batch.origins.resource_ids[row], 1)).unwrap()
}

fn errors(decoded: &Decoded) -> Vec<(u64, &str)> {
    decoded.rejections.first().iter().map(|(number, message)| (*number, &message[..])).collect()
}

fn mapping() -> FieldMapping {
    FieldMapping::default()
}

#[test]
fn splunk_events_have_the_texts_of_its_codes() {
    let body = br#"{"event":"a","host":"h","time":"1.5"}{"event":" "}{"event":{}}{"host":"h"}{"event":"b","fields":{"c":{}}}{"event":[1]} {"event":tru"#;
    let decoded = decode_splunk_events(body, NOW, &mapping(), &[]).unwrap();
    assert_eq!(bodies(&decoded), ["a", "[1]"]);
    assert_eq!(resource(&decoded, 0), r#"{"host.name":"h"}"#);
    assert_eq!(decoded.batch.timestamps, [1_500_000_000, NOW]);
    assert_eq!(
        errors(&decoded)[..4],
        [
            (2, "Event field cannot be blank"),
            (3, "Event field cannot be blank"),
            (4, "Event field is required"),
            (5, "Error in handling indexed fields"),
        ]
    );
    assert!(errors(&decoded)[4].1.ends_with("the rest of the body was not read"));
}

#[test]
fn datadog_envelopes_go_before_their_messages() {
    let body =
        br#"[{"service":"outer","message":"{\"service\":\"inner\",\"a\":1}","status":"warn"},{"message":"{cut"}]"#;
    let decoded = decode_datadog(body, NOW, &mapping(), &[]).unwrap();
    assert_eq!(bodies(&decoded), [r#"{"service":"inner","a":1}"#, "{cut"]);
    assert_eq!(decoded.batch.services()[1].0, "outer");
    assert_eq!(decoded.batch.severity_numbers, [13, 0]);
}

#[test]
fn journald_entries_are_found_after_a_bad_one() {
    let body =
        b"MESSAGE=a\n_COMM=c\n\n=b\n\nMESSAGE\n\x03\0\0\0\0\0\0\0x\ny\nPRIORITY=3\n\nMESSAGE\n\x09\0\0\0\0\0\0\0x\n";
    let decoded = decode_journald(body, NOW, &mapping()).unwrap();
    assert_eq!(bodies(&decoded), ["a", "x\ny"]);
    assert_eq!(decoded.batch.severity_numbers, [0, 17]);
    let numbers: Vec<u64> = errors(&decoded).iter().map(|error| error.0).collect();
    assert_eq!(numbers, [2, 4]);
}

#[test]
fn bulk_items_keep_their_order() {
    let body = b"{\"create\":{}}\n{\"a\":1}\n{\"delete\":{\"_id\":\"x\"}}\n{\"index\":{\"_index\":\"j\"}}\nbad\n{\"create\":{}}\n{\"b\":2}";
    let bulk = decode_elasticsearch_bulk(body, NOW, &mapping(), "i").unwrap();
    assert_eq!((bulk.decoded.accepted(), bulk.decoded.rejections.count(), bulk.items.len()), (2, 2, 4));
    let answer = String::from_utf8(bulk.items.render(7, true, None)).unwrap();
    let expected = r#"{"took":7,"errors":true,"items":[{"create":{"status":201}},{"delete":{"status":400,"error":{"type":"document_parsing_exception","reason":"records cannot be deleted by bulk requests"}}},{"index":{"status":400"#;
    assert!(answer.starts_with(expected), "{answer}");
    assert!(answer.ends_with(r#",{"create":{"status":201}}]}"#), "{answer}");
    let fault = decode_elasticsearch_bulk(b"{\"create\":{}}\n{}\nx\n", NOW, &mapping(), "i").unwrap_err();
    assert!(fault.0.starts_with("Malformed action/metadata line [3]"), "{fault}");
}

#[test]
fn resources_do_not_leak_into_the_next_record_of_firehose() {
    // {"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":[{"message":"x"}]}, then a text.
    let data = "eyJtZXNzYWdlVHlwZSI6IkRBVEFfTUVTU0FHRSIsImxvZ0dyb3VwIjoiZyIsImxvZ0V2ZW50cyI6W3sibWVzc2FnZSI6IngifV19";
    let body = format!(r#"{{"records":[{{"data":"{data}"}},{{"data":"aGk="}},{{"data":"?"}}]}}"#);
    let common = [("env".to_owned(), "p".to_owned())];
    let decoded = decode_firehose(body.as_bytes(), NOW, &mapping(), &common, 1000).unwrap();
    assert_eq!(bodies(&decoded), ["x", "hi"]);
    assert_eq!(resource(&decoded, 0), r#"{"cloud.provider":"aws","cloudwatch.log.group.name":"g","env":"p"}"#);
    assert_eq!(resource(&decoded, 1), r#"{"env":"p"}"#);
    assert_eq!(errors(&decoded), [(3, "the data is not base64")]);
}
