//! Log lines.

use super::many;

/// What lines are made of.
pub const TOKENS: &[&[u8]] = &[
    b" ",
    b"=",
    b"\"",
    b"'",
    b"`",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"/",
    b"?",
    b"&",
    b"%",
    b"0x",
    b"10.0.0.1:80",
    b"<*>",
    b"@",
    b"https://",
    b"-",
    b".",
    b",",
    b"\xc3\xa9",
    b"12ms",
    b"2024-01-02T03:04:05Z",
];

/// Lines of several programs.
pub fn small() -> Vec<Vec<u8>> {
    [
        "Accepted password for root from 10.0.0.1 port 22 ssh2",
        "[Sun Dec  4 04:47:44 2005] [error] mod_jk child workerEnv in error state 6",
        "GET /api/v1/users/42?x=%C3%A9&y=2 HTTP/1.1 200 12.5 ms \"Mozilla/5.0 (X11)\"",
        "user 'bob' can't see \"x y\" or `z` at 0x7ffe, id 3f2a1b00-abcd-4e5f-8a9b-deadbeef0001",
        "{\"level\":\"info\",\"n\":[1,2,3],\"größe\":\"1,5 MB\"}",
        "retry 1, 2, 3 (of 4); mail to john.doe@example.com, blk_-1608999687919862906 \u{0}\t日本語",
        "",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// One endless line of each kind.
pub fn heavy() -> Vec<Vec<u8>> {
    ["a1 ", "\"", "1", "x=", "(", "é", "/a?b=c&", "'a' ", "1,"].map(many).to_vec()
}
