//! Bits of chunks, the highest of a byte first, and the numbers of variable length in them.

/// Bits that are written.
#[derive(Default)]
pub struct Bits {
    bytes: Vec<u8>,
    /// Free bits of the last byte.
    free: u32,
}

impl Bits {
    /// Starts with whole bytes.
    pub fn new(front: &[u8]) -> Self {
        Self { bytes: front.to_vec(), free: 0 }
    }

    /// All bytes, the last filled up with zeros.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes the lowest `count` bits.
    pub fn write(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = count.min(self.free);
            let piece = (value >> (count - taken)) as u8 & (0xff >> (8 - taken)) as u8;
            *self.bytes.last_mut().expect("one was pushed") |= piece << (self.free - taken);
            self.free -= taken;
            count -= taken;
        }
    }

    /// A varint of bytes, zigzag.
    pub fn varint(&mut self, value: i64) {
        self.uvarint((value << 1 ^ value >> 63) as u64);
    }

    /// A varint of bytes.
    pub fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.write(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.write(value, 8);
    }

    /// A difference of differences of times, as float chunks have it.
    pub fn time(&mut self, value: i64) {
        match value {
            0 => self.write(0, 1),
            _ if fits(value, 14) => self.prefixed(0b10, 2, value, 14),
            _ if fits(value, 17) => self.prefixed(0b110, 3, value, 17),
            _ if fits(value, 20) => self.prefixed(0b1110, 4, value, 20),
            _ => self.prefixed(0b1111, 4, value, 64),
        }
    }

    /// A signed number, as histogram chunks have it.
    pub fn varbit(&mut self, value: i64) {
        match value {
            0 => self.write(0, 1),
            _ if fits(value, 3) => self.prefixed(0b10, 2, value, 3),
            _ if fits(value, 6) => self.prefixed(0b110, 3, value, 6),
            _ if fits(value, 9) => self.prefixed(0b1110, 4, value, 9),
            _ if fits(value, 12) => self.prefixed(0b1_1110, 5, value, 12),
            _ if fits(value, 18) => self.prefixed(0b11_1110, 6, value, 18),
            _ if fits(value, 25) => self.prefixed(0b111_1110, 7, value, 25),
            _ if fits(value, 56) => self.prefixed(0b1111_1110, 8, value, 56),
            _ => self.prefixed(0b1111_1111, 8, value, 64),
        }
    }

    /// A number that is not negative, as histogram chunks have it.
    pub fn uvarbit(&mut self, value: u64) {
        let signed = value as i64;
        match 64 - value.leading_zeros() {
            0 => self.write(0, 1),
            1..=3 => self.prefixed(0b10, 2, signed, 3),
            4..=6 => self.prefixed(0b110, 3, signed, 6),
            7..=9 => self.prefixed(0b1110, 4, signed, 9),
            10..=12 => self.prefixed(0b1_1110, 5, signed, 12),
            13..=18 => self.prefixed(0b11_1110, 6, signed, 18),
            19..=25 => self.prefixed(0b111_1110, 7, signed, 25),
            26..=56 => self.prefixed(0b1111_1110, 8, signed, 56),
            _ => self.prefixed(0b1111_1111, 8, signed, 64),
        }
    }

    fn prefixed(&mut self, prefix: u64, length: u32, value: i64, count: u32) {
        self.write(prefix, length);
        self.write(value as u64, count);
    }
}

fn fits(value: i64, bits: u32) -> bool {
    (-((1 << (bits - 1)) - 1)..=1 << (bits - 1)).contains(&value)
}

/// A float among floats: the difference in bits to the one before.
#[derive(Clone, Copy)]
pub struct Xor {
    value: u64,
    leading: u32,
    trailing: u32,
}

impl Xor {
    /// The first one is written whole.
    pub fn first(value: f64, bits: &mut Bits) -> Self {
        bits.write(value.to_bits(), 64);
        Self { value: value.to_bits(), leading: 0xff, trailing: 0 }
    }

    /// Writes the next one.
    pub fn next(&mut self, value: f64, bits: &mut Bits) {
        let difference = value.to_bits() ^ self.value;
        self.value = value.to_bits();
        if difference == 0 {
            bits.write(0, 1);
            return;
        }
        let (leading, trailing) = (difference.leading_zeros().min(31), difference.trailing_zeros());
        if self.leading != 0xff && leading >= self.leading && trailing >= self.trailing {
            bits.write(0b10, 2);
            bits.write(difference >> self.trailing, 64 - self.leading - self.trailing);
            return;
        }
        (self.leading, self.trailing) = (leading, trailing);
        let significant = 64 - leading - trailing;
        bits.write(0b11, 2);
        bits.write(u64::from(leading), 5);
        // 64 is written as 0: there is no difference without a bit.
        bits.write(u64::from(significant & 63), 6);
        bits.write(difference >> trailing, significant);
    }
}
