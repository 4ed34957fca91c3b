//! The meshopt codecs as EXT_meshopt_compression's appendix specifies them: bitstreams and filters, decoding.
//!
//! Written out here because the bytes come from anywhere: every read is checked, nothing asserts, and the stride is
//! a number of the file rather than a type.

/// Why a compressed buffer view cannot be decoded.
pub type Reason = &'static str;

const TRUNCATED: Reason = "truncated compressed data";
const HEADER: Reason = "unknown compression header";
const SIZE: Reason = "count or stride does not fit the compression mode";
/// Smallest tail of the attribute bitstream.
const TAIL_BYTES: usize = 32;
const GROUP: usize = 16;
const BLOCK_BYTES: usize = 8192;
const BLOCK_VERTICES: usize = 256;

/// Mode ATTRIBUTES (appendix A): `count` vertices of `stride` bytes.
pub fn decode_vertices(data: &[u8], count: usize, stride: usize) -> Result<Vec<u8>, Reason> {
    if stride == 0 || stride > 256 || !stride.is_multiple_of(4) {
        return Err(SIZE);
    }
    let (&header, body) = data.split_first().ok_or(TRUNCATED)?;
    if header != 0xa0 {
        return Err(HEADER);
    }
    let tail_size = stride.max(TAIL_BYTES);
    let body_size = body.len().checked_sub(tail_size).ok_or(TRUNCATED)?;
    let (mut stream, tail) = body.split_at(body_size);
    // Sixteen deltas take at least two bits a byte of the vertex: a count cannot claim more than 64 times its bytes.
    let total = count.checked_mul(stride).filter(|total| *total / 64 <= body_size).ok_or(TRUNCATED)?;
    let mut out = vec![0; total];
    let mut last = tail[tail_size - stride..].to_vec();
    let block = ((BLOCK_BYTES / stride) & !(GROUP - 1)).min(BLOCK_VERTICES);
    let mut deltas = [0_u8; BLOCK_VERTICES];
    for vertices in out.chunks_mut(block * stride) {
        let n = vertices.len() / stride;
        for (k, last) in last.iter_mut().enumerate() {
            decode_deltas(&mut stream, &mut deltas[..n.next_multiple_of(GROUP)])?;
            for (vertex, delta) in vertices.chunks_exact_mut(stride).zip(&deltas) {
                *last = last.wrapping_add((delta >> 1) ^ (delta & 1).wrapping_neg());
                vertex[k] = *last;
            }
        }
    }
    if stream.is_empty() { Ok(out) } else { Err("extra compressed data") }
}

fn take<'a>(stream: &mut &'a [u8], count: usize) -> Result<&'a [u8], Reason> {
    let (taken, rest) = stream.split_at_checked(count).ok_or(TRUNCATED)?;
    *stream = rest;
    Ok(taken)
}

fn decode_deltas(stream: &mut &[u8], deltas: &mut [u8]) -> Result<(), Reason> {
    let groups = deltas.len() / GROUP;
    let header = take(stream, groups.div_ceil(4))?;
    for (i, group) in deltas.chunks_exact_mut(GROUP).enumerate() {
        match header[i / 4] >> (i % 4 * 2) & 3 {
            0 => group.fill(0),
            1 => unpack(stream, group, 2)?,
            2 => unpack(stream, group, 4)?,
            _ => group.copy_from_slice(take(stream, GROUP)?),
        }
    }
    Ok(())
}

/// Sixteen values of `bits` bits, high bits first; one of all ones means that a whole byte follows after the group.
fn unpack(stream: &mut &[u8], group: &mut [u8], bits: usize) -> Result<(), Reason> {
    let packed = take(stream, GROUP * bits / 8)?;
    let per_byte = 8 / bits;
    let escape = (1_u8 << bits) - 1;
    for (i, value) in group.iter_mut().enumerate() {
        let small = packed[i / per_byte] >> (8 - bits - i % per_byte * bits) & escape;
        *value = if small == escape { take(stream, 1)?[0] } else { small };
    }
    Ok(())
}

fn varint(stream: &mut &[u8]) -> Result<u32, Reason> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let byte = take(stream, 1)?[0];
        value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("index of more than 32 bits")
}

fn unzigzag(value: u32) -> u32 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

struct TriangleState {
    edges: [(u32, u32); 16],
    edge: usize,
    vertices: [u32; 16],
    vertex: usize,
    next: u32,
    last: u32,
}

impl TriangleState {
    fn push_edge(&mut self, a: u32, b: u32) {
        self.edges[self.edge] = (a, b);
        self.edge = (self.edge + 1) & 15;
    }

    fn push_vertex(&mut self, v: u32) {
        self.vertices[self.vertex] = v;
        self.vertex = (self.vertex + 1) & 15;
    }

    fn new_vertex(&mut self) -> u32 {
        self.next = self.next.wrapping_add(1);
        self.next.wrapping_sub(1)
    }

    fn recent(&self, back: u8) -> u32 {
        self.vertices[self.vertex.wrapping_sub(usize::from(back)) & 15]
    }

    fn delta(&mut self, stream: &mut &[u8]) -> Result<u32, Reason> {
        self.last = self.last.wrapping_add(unzigzag(varint(stream)?));
        Ok(self.last)
    }

    /// A vertex by its four-bit code: 0 is the next unused one, 15 a delta, anything else one of the last sixteen; and
    /// whether it goes into the memory of recent ones.
    fn by_code(&mut self, code: u8, far: Option<&mut &[u8]>) -> Result<(u32, bool), Reason> {
        match (code, far) {
            (0, _) => Ok((self.new_vertex(), true)),
            (15, Some(stream)) => Ok((self.delta(stream)?, true)),
            (back, _) => Ok((self.recent(back), false)),
        }
    }
}

/// Mode TRIANGLES (appendix B): `count` indices, three a triangle.
pub fn decode_triangles(data: &[u8], count: usize) -> Result<Vec<u32>, Reason> {
    let (&header, body) = data.split_first().ok_or(TRUNCATED)?;
    if header & 0xf0 != 0xe0 || header & 15 > 1 {
        return Err(HEADER);
    }
    let triangles = count / 3;
    if !count.is_multiple_of(3) {
        return Err(SIZE);
    }
    let (codes, rest) = body.split_at_checked(triangles).ok_or(TRUNCATED)?;
    let (mut stream, table) = rest.split_at_checked(rest.len().wrapping_sub(16)).ok_or(TRUNCATED)?;
    let near_limit = if header & 15 == 1 { 13 } else { 15 };
    let mut state = TriangleState {
        edges: [(u32::MAX, u32::MAX); 16],
        edge: 0,
        vertices: [u32::MAX; 16],
        vertex: 0,
        next: 0,
        last: 0,
    };
    let mut out = Vec::with_capacity(count);
    for &code in codes {
        out.extend(decode_triangle(&mut state, code, near_limit, table, &mut stream)?);
    }
    if stream.is_empty() { Ok(out) } else { Err("extra compressed data") }
}

fn decode_triangle(
    state: &mut TriangleState,
    code: u8,
    near_limit: u8,
    table: &[u8],
    stream: &mut &[u8],
) -> Result<[u32; 3], Reason> {
    if code < 0xf0 {
        let (a, b) = state.edges[state.edge.wrapping_sub(1 + usize::from(code >> 4)) & 15];
        let third = code & 15;
        let (c, remember) = match third {
            0 => (state.new_vertex(), true),
            near if near < near_limit => (state.recent(near + 1), false),
            15 => (state.delta(stream)?, true),
            step => {
                state.last = if step == 13 { state.last.wrapping_sub(1) } else { state.last.wrapping_add(1) };
                (state.last, true)
            }
        };
        if remember {
            state.push_vertex(c);
        }
        state.push_edge(c, b);
        state.push_edge(a, c);
        return Ok([a, b, c]);
    }
    let inline = code >= 0xfe;
    let pair = if inline { take(stream, 1)?[0] } else { table[usize::from(code & 15)] };
    if inline && pair == 0 {
        state.next = 0;
    }
    let first = if code == 0xff { 15 } else { 0 };
    // The codes of all three are read before any of them is remembered, and new vertices are numbered before far ones.
    let (a, b, c);
    if inline {
        let codes = [first, pair >> 4, pair & 15];
        let mut found = [(0, false); 3];
        for (slot, code) in found.iter_mut().zip(codes) {
            *slot = state.by_code(code, Some(stream))?;
        }
        [a, b, c] = found;
    } else {
        a = state.by_code(first, None)?;
        b = state.by_code(pair >> 4, None)?;
        c = state.by_code(pair & 15, None)?;
    }
    for (v, remember) in [(a.0, true), b, c] {
        if remember {
            state.push_vertex(v);
        }
    }
    let [a, b, c] = [a.0, b.0, c.0];
    state.push_edge(b, a);
    state.push_edge(c, b);
    state.push_edge(a, c);
    Ok([a, b, c])
}

/// Mode INDICES (appendix C): `count` indices in any order.
pub fn decode_indices(data: &[u8], count: usize) -> Result<Vec<u32>, Reason> {
    let (&header, body) = data.split_first().ok_or(TRUNCATED)?;
    if header & 0xf0 != 0xd0 || header & 15 > 1 {
        return Err(HEADER);
    }
    let size = body.len().checked_sub(4).filter(|size| count <= *size).ok_or(TRUNCATED)?;
    let mut stream = &body[..size];
    let (mut last, mut current) = ([0_u32; 2], 0);
    let mut out = Vec::with_capacity(count);
    for _ in 0..count {
        let value = varint(&mut stream)?;
        current ^= value as usize & 1;
        last[current] = last[current].wrapping_add(unzigzag(value >> 1));
        out.push(last[current]);
    }
    if stream.is_empty() { Ok(out) } else { Err("extra compressed data") }
}

/// A filter of the extension, by its name, over decoded vertices in place.
pub fn apply_filter(filter: &str, data: &mut [u8], stride: usize) -> Result<(), Reason> {
    match (filter, stride) {
        ("NONE", _) => {}
        ("OCTAHEDRAL", 4) => data.as_chunks_mut::<4>().0.iter_mut().for_each(|v| {
            let unit = octahedral([0, 1, 2].map(|i| f32::from(v[i] as i8)), 127.0);
            (0..3).for_each(|i| v[i] = unit[i] as i8 as u8);
        }),
        ("OCTAHEDRAL", 8) => data.as_chunks_mut::<8>().0.iter_mut().for_each(|v| {
            let unit = octahedral([0, 2, 4].map(|i| f32::from(i16::from_le_bytes([v[i], v[i + 1]]))), 32767.0);
            (0..3).for_each(|i| v[2 * i..2 * i + 2].copy_from_slice(&(unit[i] as i16).to_le_bytes()));
        }),
        ("QUATERNION", 8) => data.as_chunks_mut::<8>().0.iter_mut().for_each(quaternion),
        ("EXPONENTIAL", stride) if stride.is_multiple_of(4) => {
            data.as_chunks_mut::<4>().0.iter_mut().for_each(|v| {
                let bits = u32::from_le_bytes(*v);
                let mantissa = (bits << 8) as i32 >> 8;
                let exponent = bits as i32 >> 24;
                *v = (mantissa as f32 * (exponent as f32).exp2()).to_le_bytes();
            });
        }
        _ => return Err("unknown filter or stride that it does not take"),
    }
    Ok(())
}

fn octahedral([x, y, one]: [f32; 3], scale: f32) -> [f32; 3] {
    let z = one - x.abs() - y.abs();
    let fold = z.min(0.0);
    let x = x + if x >= 0.0 { fold } else { -fold };
    let y = y + if y >= 0.0 { fold } else { -fold };
    let length = (x * x + y * y + z * z).sqrt().max(f32::MIN_POSITIVE);
    [x, y, z].map(|v| (v * scale / length).round())
}

fn quaternion(v: &mut [u8; 8]) {
    let word = |i: usize| i16::from_le_bytes([v[2 * i], v[2 * i + 1]]);
    let tag = word(3);
    let scale = std::f32::consts::FRAC_1_SQRT_2 / f32::from(tag | 3);
    let [x, y, z] = [0, 1, 2].map(|i| f32::from(word(i)) * scale);
    let w = (1.0 - x * x - y * y - z * z).max(0.0).sqrt();
    let missing = (tag & 3) as usize;
    for (offset, value) in [(1, x), (2, y), (3, z), (0, w)] {
        let at = (missing + offset) % 4 * 2;
        v[at..at + 2].copy_from_slice(&((value * 32767.0).round() as i16).to_le_bytes());
    }
}
