//! Lines and texts for LogQL.

use super::many;

/// Stages to run lines through.
pub const STAGES: &[&str] = &[
    r#"{"t":"json"}"#,
    r#"{"t":"json","wanted":[["a",["b",0,"c"]],["d",["e"]]]}"#,
    r#"{"t":"logfmt"}"#,
    r#"{"t":"logfmt","strict":true,"keep_empty":true}"#,
    r#"{"t":"unpack"},{"t":"json"},{"t":"logfmt"}"#,
    r#"{"t":"pattern","pattern":"<a> - [<_>] \"<b>\" <c>"},{"t":"lines","op":"|>","any":[{"text":"<_>x<_>"}]}"#,
    r#"{"t":"regexp","pattern":"(?P<a>\\d+).*(?P<b>[a-z]+)"},{"t":"decolorize"}"#,
    r#"{"t":"lines","op":"|=","any":[{"ip":"10.0.0.0/8"},{"ip":"2001:db8::/32"}]},{"t":"logfmt"},
       {"t":"labels","filter":{"t":"duration","name":"a","op":">","value":1}},
       {"t":"labels","filter":{"t":"bytes","name":"b","op":">","value":1}},
       {"t":"labels","filter":{"t":"ip","name":"c","op":"!=","value":"10.0.0.1"}}"#,
    r#"{"t":"logfmt"},{"t":"line_format","template":"{{range fromJson .a}}{{.}}{{end}}{{__line__ | trunc 9 | title}}"}"#,
];

/// What lines are made of.
pub const LINE_TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"a=",
    b"b",
    b"\\u00",
    b"\x1b[31m",
    b"10.0.0.1",
    b"::",
    b"1m",
    b"KB",
    b"_entry",
];

/// What templates, patterns and expressions are made of.
pub const TEXT_TOKENS: &[&[u8]] = &[
    b"{{",
    b"}}",
    b"{{-",
    b"-}}",
    b"if ",
    b"else",
    b"end",
    b"range ",
    b"with ",
    b".a",
    b"$x",
    b":=",
    b"|",
    b"(",
    b")",
    b"\"",
    b"printf ",
    b"repeat ",
    b"index ",
    b"toDate ",
    b"fromJson ",
    b"<_>",
    b"<a>",
    b"[",
    b"\\d",
    b"{2,",
    b"(?P<",
    b"/24",
    b"/*",
];

/// Lines, each behind the byte that chooses the stages.
pub fn lines() -> Vec<Vec<u8>> {
    let lines = [
        r#"{"a":{"b":[{"c":1}],"d":"x\n"},"e":null,"_entry":"a=1 b=2"}"#,
        r#"a=1 b="two words" c= d "e" f="never"#,
        "10.0.0.1 - [today] \"GET /x\" 200 2001:db8::1",
        "\x1b[1;31mred\x1b[0m a=1m30s b=5KB c=10.0.0.1",
    ];
    let choices = 0..u8::try_from(STAGES.len()).unwrap_or(0);
    choices.flat_map(|choice| lines.iter().map(move |line| [&[choice], line.as_bytes()].concat())).collect()
}

/// Large lines of the kinds that could cost more than their size.
pub fn heavy() -> Vec<Vec<u8>> {
    let keys: String = (0..200_000).map(|number| format!("\"k{number}\":{number},")).collect();
    let pairs: String = (0..200_000).map(|number| format!("k{number}={number} ")).collect();
    vec![
        [b"\0{".to_vec(), keys.into_bytes(), b"\"z\":1}".to_vec()].concat(),
        [b"\x02".to_vec(), pairs.into_bytes()].concat(),
        [b"\x02".to_vec(), many("a=\"\\\" ")].concat(),
        [b"\x05".to_vec(), many("x - [")].concat(),
        [b"\x06".to_vec(), many("1a")].concat(),
        [b"\x07".to_vec(), many("1:2.")].concat(),
        [b"\x00".to_vec(), many("{\"a\":")].concat(),
    ]
}

/// Texts of queries.
pub fn texts() -> Vec<Vec<u8>> {
    [
        "{{.a}} {{if eq .b \"x\"}}{{.c | upper}}{{else}}none{{end}}",
        "{{range $i, $x := fromJson .c}}{{$i}}={{$x}}{{end}}",
        "{{ printf \"%-5s|%05.1f\" .a (float64 .b) }}{{- /* c */ -}}",
        "{{ toDate \"2006-01-02\" .a | date \"Jan _2 15:04:05.000 MST\" }}",
        "<ip> - <_> [<time>]",
        r"^(?P<a>\d{2,3}|\w+)[^\s\]]*\b$",
        "10.0.0.0/8",
        "10.0.0.1-10.0.0.9",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
