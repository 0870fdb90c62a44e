//! Zigzag variable-length integers. Source: Kafka's `ByteUtils`, as in Protocol Buffers.

/// At most so many bytes hold a 64-bit integer.
const LENGTH_MAX: usize = 10;

/// Appends an integer.
pub(crate) fn write(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// How many bytes an integer takes.
pub(crate) fn length(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - (zigzag | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Reads an integer from the front and says how many bytes it took; `None` if it does not end or
/// does not fit 64 bits.
pub(crate) fn read(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut zigzag = 0_u64;
    for (index, byte) in bytes.iter().take(LENGTH_MAX).enumerate() {
        let part = u64::from(byte & 0x7f);
        if index == LENGTH_MAX - 1 && part > 1 {
            return None;
        }
        zigzag |= part << (7 * index);
        if byte & 0x80 == 0 {
            let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_encodings() {
        let table: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ];
        for (value, bytes) in table {
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(length(value), bytes.len(), "{value}");
            assert_eq!(read(bytes), Some((value, bytes.len())), "{value}");
        }
    }

    #[test]
    fn hostile_bytes_are_refused() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x80]), None);
        assert_eq!(read(&[0xff; 11]), None);
        let beyond_64_bits = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read(&beyond_64_bits), None);
    }
}
