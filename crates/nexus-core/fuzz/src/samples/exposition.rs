//! Exposition formats and relabelling.

use super::many;

/// What the texts are made of.
pub const TOKENS: &[&[u8]] = &[
    b"# HELP a ",
    b"# TYPE a counter\n",
    b"# TYPE a histogram\n",
    b"# TYPE a summary\n",
    b"# UNIT a_s s\n",
    b"# EOF\n",
    b"a_bucket{le=\"1\"} 1\n",
    b"a_bucket{le=\"+Inf\"} 1\n",
    b"a_count 1\n",
    b"a_sum 1\n",
    b"{quantile=\"0.5\"}",
    b"{\"a.b\",\"c d\"=\"e\"}",
    b" # {trace_id=\"x\"} 1 2.5",
    b"\\n",
    b"\\\"",
    b"\"",
    b"{",
    b"}",
    b",",
    b"=",
    b" ",
    b"\t",
    b"\n",
    b"NaN",
    b"+Inf",
    b"1e308",
    b"-1",
    b"1700000000000",
    b"\xc3\xa9",
];

/// What rules are made of.
pub const RULE_TOKENS: &[&[u8]] = &[
    b"\n",
    b"(.*)",
    b"$1",
    b"${1}",
    b"${a}",
    b"$$",
    b"[^a]",
    b"\\d",
    b"(?i)",
    b"labelmap",
    b"replace",
    b"hashmod",
    b"__",
];

/// Targets of several kinds.
pub fn small() -> Vec<Vec<u8>> {
    [
        "# HELP http_requests_total The total.\n# TYPE http_requests_total counter\nhttp_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n",
        "# TYPE h histogram\nh_bucket{le=\"0.05\"} 24054\nh_bucket{le=\"+Inf\"} 144320\nh_sum 53423\nh_count 144320\n",
        "# TYPE rpc summary\nrpc{quantile=\"0.01\"} 3102\nrpc_sum 1.7560473e+07\nrpc_count 2693\n\nmetric_without_timestamp_and_labels 12.47\n",
        "# TYPE foo counter\n# UNIT foo_seconds seconds\nfoo_total{a=\"b\"} 17.0 1520879607.789 # {id=\"counter-test\"} 5\nfoo_created 1520872607.123\n# EOF\n",
        "{\"my.noncompliant.metric\", \"label.name\"=\"value\"} 1\nup 1\nup 1\nup 2\n",
        "msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9\n",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// One endless text of each kind.
pub fn heavy() -> Vec<Vec<u8>> {
    let lines: String = (0..200_000).map(|number| format!("a{{b=\"{number}\"}} 1\n")).collect();
    let mut found: Vec<Vec<u8>> =
        ["a 1\n", "# HELP a b\n", "{", "a{b=\"", "\\", "\n", "#", " ", "a{b=\"c\",", "9"].map(many).to_vec();
    found.push(lines.into_bytes());
    found.push(
        format!("a{{{}}} 1\n", (0..200_000).map(|number| format!("l{number}=\"\",")).collect::<String>()).into_bytes(),
    );
    found
}

/// Families: a counter with an exemplar, a native histogram that is a classic one, too, a summary.
pub fn messages() -> Vec<Vec<u8>> {
    let counter = b"\x2c\x0a\x01c\x18\x00\x22\x25\x0a\x06\x0a\x01a\x12\x01b\x1a\x1b\x09\0\0\0\0\0\0\xf0?\x12\x10\x0a\x03\x0a\x01t\x11\0\0\0\0\0\0\xf0?".to_vec();
    let histogram = [
        &b"\x0a\x01h\x18\x04\x22\x3f\x3a\x3d"[..],
        b"\x08\x03\x11\0\0\0\0\0\0\xf0?\x1a\x0b\x08\x02\x11\0\0\0\0\0\0\xf0?",
        b"\x28\x06\x31\0\0\0\0\0\0\xb0<\x38\x01\x62\x04\x08\x00\x10\x02\x6a\x02\x02\x00\x4a\x04\x08\x02\x10\x00",
    ]
    .concat();
    let mut second = vec![histogram.len() as u8];
    second.extend(&histogram);
    let both = [counter.clone(), second.clone()].concat();
    vec![counter, second, both, Vec::new()]
}

/// Rules with a value.
pub fn rules() -> Vec<Vec<u8>> {
    ["replace\n(.*);(.*)\nc\n$2-$1\nx", "labelmap\n(.)\n\nz_$1\nx", "hashmod\n(.*)\nc\n$1\nxyz", "drop\nx.*\n\n\nxy"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}
