use proptest::prelude::*;

use super::*;

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn message(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A tile with one square of 10 units, tagged height = 4.9 (as a float).
fn square() -> Vec<u8> {
    let mut commands = Vec::new();
    for word in [9, 0, 0, 26, 20, 0, 0, 20, 19, 0, 15] {
        varint(word, &mut commands);
    }
    let mut feature = vec![8, 7, 24, 3];
    message(2, &[0, 0], &mut feature);
    message(4, &commands, &mut feature);
    let mut value = vec![2 << 3 | 5];
    value.extend_from_slice(&4.9_f32.to_le_bytes());
    let mut layer = vec![15 << 3, 2];
    message(1, b"building", &mut layer);
    message(2, &feature, &mut layer);
    message(3, b"height", &mut layer);
    message(4, &value, &mut layer);
    let mut tile = Vec::new();
    message(3, &layer, &mut tile);
    tile
}

#[test]
fn a_square_with_a_height() {
    let tile = square();
    let layers = decode(&tile).unwrap();
    assert_eq!((layers.len(), layers[0].name, layers[0].extent, layers[0].len()), (1, "building", 4096, 1));
    let feature = layers[0].feature(0).unwrap();
    assert_eq!((feature.id, feature.tags.as_slice()), (Some(7), [(0, 0)].as_slice()));
    assert_eq!((layers[0].keys[0], &layers[0].values[0]), ("height", &Value::Float(4.9)));
    let corners = [(0, 0), (10, 0), (10, 10), (0, 10)].map(|(x, y)| glam::I64Vec2::new(x, y));
    assert_eq!(feature.polygons().unwrap(), vec![vec![corners.to_vec()]]);
}

#[test]
fn every_shortened_tile_is_refused_or_reads_less() {
    let tile = square();
    for end in 1..tile.len() {
        assert_eq!(decode(&tile[..end]), Err(MvtError::Truncated), "cut at {end}");
    }
    assert_eq!(decode(&[]), Ok(vec![]));
}

#[test]
fn gzip_is_unpacked_and_a_bomb_is_refused() {
    use std::io::Write;
    let pack = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let packed = pack(&square());
    assert_eq!(unpack(&packed).unwrap().as_ref(), square());
    assert_eq!(unpack(&packed[..packed.len() - 6]), Err(MvtError::Gzip));
    assert_eq!(unpack(&pack(&vec![0; MAX_TILE_BYTES as usize + 1])), Err(MvtError::TooLarge));
}

#[test]
fn a_tag_outside_the_tables_is_an_error_of_the_feature() {
    let mut feature = vec![24, 3];
    message(2, &[0, 9], &mut feature);
    let mut layer = vec![15 << 3, 2];
    message(1, b"building", &mut layer);
    message(2, &feature, &mut layer);
    message(3, b"height", &mut layer);
    let mut tile = Vec::new();
    message(3, &layer, &mut tile);
    assert_eq!(decode(&tile).unwrap()[0].feature(0), Err(MvtError::Tag(9)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..80) {
        let mut tile = square();
        let end = (at + bytes.len()).min(tile.len());
        let start = at.min(end);
        tile.splice(start..end, bytes);
        for layer in decode(&tile).unwrap_or_default() {
            for index in 0..layer.len() {
                let _ = layer.feature(index).and_then(|feature| feature.polygons());
            }
        }
    }
}
