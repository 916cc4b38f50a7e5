//! Changing inputs at random, from a seed: bytes, numbers, tokens, pieces, and the fields of protobuf messages.

/// A small, fast generator (SplitMix64).
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// True one time in `n`.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// A power of two with an exponent below `usual`, now and then below `rare`.
    fn power(&mut self, usual: usize, rare: usize) -> usize {
        let bound = if self.one_in(16) { rare } else { usual };
        1 << self.below(bound)
    }

    /// A range within `length`, mostly short.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = length - start;
        let longest = if self.one_in(4) { longest } else { longest.min(16) };
        start..start + self.below(longest + 1)
    }
}

/// Numbers at which code likes to break.
const NUMBERS: [u64; 16] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
    64 << 20,
];

/// Change `input` in one to eight places. `other` is another input to take pieces from.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], tokens: &[&[u8]], random: &mut Random) {
    for _ in 0..1 + random.below(2) * random.below(8) {
        change(input, other, tokens, random);
    }
}

fn change(input: &mut Vec<u8>, other: &[u8], tokens: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len());
    match random.below(12) {
        0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        1 if !input.is_empty() => input[at] = random.bits() as u8,
        2 if !input.is_empty() => input[at] = input[at].wrapping_add([1, 255, 16][random.below(3)]),
        3 => drop(input.drain(random.range(input.len()))),
        4 => {
            let piece = input[random.range(input.len())].to_vec();
            insert(input, at, &piece);
        }
        5 => {
            let piece = input[random.range(input.len())].to_vec();
            let times = random.power(4, 12);
            insert(input, at, &piece.repeat(times.min(1 + (64 << 10) / (piece.len() + 1))));
        }
        6 => {
            let piece = other[random.range(other.len())].to_vec();
            insert(input, at, &piece);
        }
        7 => {
            let piece = other[random.range(other.len())].to_vec();
            overwrite(input, at, &piece);
        }
        8 => {
            let number = NUMBERS[random.below(NUMBERS.len())].wrapping_add(random.below(3) as u64).wrapping_sub(1);
            let width = 1 << random.below(4);
            let bytes = if random.one_in(2) { number.to_le_bytes() } else { number.swap_bytes().to_be_bytes() };
            overwrite(input, at, &bytes[..width]);
        }
        9 => insert(input, at, &vec![random.bits() as u8; random.power(5, 12)]),
        _ if tokens.is_empty() => input.truncate(at),
        10 => insert(input, at, tokens[random.below(tokens.len())]),
        _ => overwrite(input, at, tokens[random.below(tokens.len())]),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}

fn overwrite(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let end = input.len().min(at + piece.len());
    drop(input.splice(at..end, piece.iter().copied()));
}

/// Change a protobuf message in a field somewhere inside, and correct the lengths around it, which blind changes break.
pub fn mutate_protobuf(message: &mut Vec<u8>, other: &[u8], tokens: &[&[u8]], random: &mut Random) {
    let fields = fields(message);
    if fields.is_empty() || random.one_in(4) {
        return mutate(message, other, tokens, random);
    }
    let field = &fields[random.below(fields.len())];
    let mut changed = message[field.start..field.end].to_vec();
    match random.below(8) {
        0 => changed.clear(),
        1 => {
            let copies = random.power(3, 12);
            changed = changed.repeat(2 + copies.min((64 << 10) / (changed.len() + 1)));
        }
        2 => {
            let moved = &fields[random.below(fields.len())];
            changed.extend_from_slice(&message[moved.start..moved.end]);
        }
        3 => mutate(&mut changed, other, tokens, random),
        _ => match field.payload {
            Some(payload) => {
                let mut inner = message[payload..field.end].to_vec();
                mutate_protobuf(&mut inner, other, tokens, random);
                changed.truncate(tag_length(&changed));
                push_varint(&mut changed, inner.len() as u64);
                changed.append(&mut inner);
            }
            None => mutate(&mut changed, other, tokens, random),
        },
    }
    drop(message.splice(field.start..field.end, changed));
}

/// A field of a message: where it is, and where its payload begins when it has a length.
struct Field {
    start: usize,
    payload: Option<usize>,
    end: usize,
}

/// The fields of a message as far as it can be read.
fn fields(message: &[u8]) -> Vec<Field> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(field) = read_field(message, at) {
        at = field.end;
        found.push(field);
    }
    found
}

fn read_field(message: &[u8], start: usize) -> Option<Field> {
    let (tag, after_tag) = read_varint(message, start)?;
    let (payload, end) = match tag & 7 {
        0 => (None, read_varint(message, after_tag)?.1),
        1 => (None, after_tag + 8),
        5 => (None, after_tag + 4),
        2 => {
            let (length, payload) = read_varint(message, after_tag)?;
            (Some(payload), payload.checked_add(usize::try_from(length).ok()?)?)
        }
        _ => return None,
    };
    (end <= message.len()).then_some(Field { start, payload, end })
}

fn tag_length(field: &[u8]) -> usize {
    read_varint(field, 0).map_or(0, |(_, end)| end)
}

fn read_varint(message: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, &byte) in message.get(start..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, start + index + 1));
        }
    }
    None
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
