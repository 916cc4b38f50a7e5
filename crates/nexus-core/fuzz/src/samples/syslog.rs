//! Syslog messages, one a line, and streams of them. The first byte chooses, see `targets::syslog`.

use super::many;

/// What messages are made of.
pub const TOKENS: &[&[u8]] = &[
    b"<34>",
    b"<191>",
    b"<192>",
    b"1 ",
    b" - ",
    b"-",
    b"[a@1 b=\"c\"]",
    b"\\]",
    b"\\\"",
    b"\"",
    b"]",
    b"Feb 29 23:59:60",
    b"*Mar  1 18:46:11.123 UTC: ",
    b"2026-11-25T16:11:00.123456+01:00",
    b"2026 Nov 25 16:11:00",
    b"host",
    b"app[123]: ",
    b"app: ",
    b"%ASA-6-302013: ",
    b"29: ",
    b"12 <",
    b"999999999 <",
    b"\0",
    b"\n<",
    b"\xef\xbb\xbf",
    b"\xff",
];

/// Messages of all kinds.
pub fn small() -> Vec<Vec<u8>> {
    [
        "0<34>1 2003-10-11T22:14:15.003Z host su 77 ID47 [o@1 ip=\"a\" ip=\"b\\]\"][x] \u{feff}'su root' failed\n<0>1 - - - - - -",
        "1<34>Oct 11 22:14:15 mymachine su[9]: 'su root' failed\n<13>Feb 29 01:02:03 h app: x\nno pri",
        "2<189>29: router1: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: x\n<166>Nov 25 2025 16:11:00 asa1 : %ASA-6-302013: Built",
        "0<13>2026-11-25 16:11:00,5 h a[1]: x\n<165>1 2003-13-11T22:14:15Z h a p m [a b=c] x\n\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Streams in each framing.
pub fn streams() -> Vec<Vec<u8>> {
    [
        "\x025 <1>ab7 <2>c\nde4 <3>f",
        "\x06<1>ab\n<2>c\r\n\n<3>d",
        "\x00<1>a\n at b\0<2>d\0",
        "\x035 <1>abgarbage here\n5 <2>cd",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Many short ones, long ones, parameters without end.
pub fn heavy() -> Vec<Vec<u8>> {
    let params: String = (0..400_000).map(|i| format!(" p{i}=\"{i}\"")).collect();
    vec![
        many("\n"),
        many("<1>x\n"),
        many("4 <1>x"),
        many("<1>1 - h a - - - x\n"),
        format!("0<1>1 - h a - - [e{params}] x").into_bytes(),
        format!("0<1>1 - h a - - [e{}] x", String::from_utf8_lossy(&many(" p=\"1\""))).into_bytes(),
        format!("0<1>{}", String::from_utf8_lossy(&many("a["))).into_bytes(),
        many("\u{0}\n<"),
        (0..300_000).map(|i| format!("<1>Mar  1 18:46:11 host{i} app{i}: x\n")).collect::<String>().into_bytes(),
    ]
}
