//! Faces that share their corners: a vertex stands for all faces that meet in it, and one corner of each triangle, its
//! provoking vertex, tells the face's normal and colour. A box has 8 vertices instead of 20.
//!
//! Software cards work on four vertices at a time: where one is not known yet, those that follow it in the list of indices
//! come with it (SwiftShader, `VertexRoutine::generate`). So triangles come in pairs `a b c, a c d`, and pairs with four new
//! corners one after the other: what is missing at `d` brings the three first of the next pair. Two such runs do for a box,
//! where faces apart take five.

use std::collections::VecDeque;

use bevy::platform::collections::HashMap;

use super::part::Vertices;

/// Which corner of a triangle speaks for all of it: the first in WebGPU and Vulkan, the last in OpenGL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provoking {
    /// Corner 0.
    First,
    /// Corner 2.
    Last,
}

/// Normal and colour.
type Face = ([i8; 4], [u8; 4]);

/// About so many triangles are put in order together, whole objects where these are small: their corners stay in a card's
/// cache of vertices.
const TOGETHER: usize = 40;
/// After so many triangles a software card goes on with another cache.
const TASK: usize = 128;

/// The same triangles with shared corners, in an order that differs a little. What is smooth is not any more: each triangle
/// is as its first corner says. Texture coordinates are left away.
pub(super) fn share_corners(apart: &Vertices, provoking: Provoking) -> Vertices {
    let mut shared = Corners::default();
    let triangles = shared.take(apart);
    let mut left = &triangles[..];
    while !left.is_empty() {
        let object = |triangle: &Triangle| shared.places[triangle.places[0]].object;
        let ends = |n: &usize| object(&left[*n]) != object(&left[n - 1]);
        // To the end of a task where that is near, else to the end of an object.
        let room = (TASK - shared.vertices.indices.len() / 3 % TASK).min(left.len());
        let some = (TOGETHER..room.saturating_sub(TOGETHER / 2)).find(ends).unwrap_or(room.min(TOGETHER * 3 / 2));
        let (some, rest) = left.split_at(some);
        left = rest;
        let mut waiting = pairs(some);
        // What has four new corners; then what has any; then what has none.
        for least in [4, 1, 0] {
            waiting.retain(|pair| {
                let comes = shared.new_corners(pair) >= least;
                if comes {
                    shared.put(pair, provoking);
                }
                !comes
            });
        }
    }
    shared.finish()
}

/// A triangle: numbers of its places, and what it looks like.
#[derive(Debug, Clone, Copy)]
struct Triangle {
    places: [usize; 3],
    face: Face,
}

impl Triangle {
    /// The corner that another one of the same face does not have, where the two share an edge.
    fn beside(&self, other: &Self) -> Option<usize> {
        let mut own = self.places.iter().filter(|place| !other.places.contains(place));
        let only = own.next().filter(|_| own.next().is_none() && self.face == other.face);
        only.copied()
    }

    /// Its places from this one on.
    fn turned(&self, first: usize) -> [usize; 3] {
        let mut places = self.places;
        let at = places.iter().position(|place| *place == first);
        places.rotate_left(at.unwrap_or_default());
        places
    }
}

/// Two triangles of a face with a common edge, or what is left over.
type Pair = (Triangle, Option<Triangle>);

fn pairs(triangles: &[Triangle]) -> Vec<Pair> {
    let mut left: VecDeque<Triangle> = triangles.iter().copied().collect();
    let mut pairs = Vec::new();
    while let Some(first) = left.pop_front() {
        let second = left.iter().position(|other| first.beside(other).is_some());
        pairs.push((first, second.and_then(|n| left.remove(n))));
    }
    pairs
}

/// A place where corners of an object meet.
#[derive(Debug)]
struct Place {
    position: [f32; 3],
    object: u32,
    /// That any face may use.
    vertex: Option<u32>,
    /// How many faces meet here.
    faces: u32,
}

#[derive(Default)]
struct Corners {
    places: Vec<Place>,
    /// Which vertex speaks for a face at a place; `None`: the face is there, and none does.
    speakers: HashMap<(usize, Face), Option<u32>>,
    /// The face that each vertex speaks for.
    said: Vec<Option<Face>>,
    vertices: Vertices,
}

impl Corners {
    /// All triangles, with the places that those of an object have in common numbered alike.
    fn take(&mut self, apart: &Vertices) -> Vec<Triangle> {
        let mut numbers: HashMap<([u32; 3], u32), usize> = HashMap::default();
        let mut taken = Vec::with_capacity(apart.indices.len() / 3);
        for triangle in apart.indices.as_chunks::<3>().0 {
            let corners = triangle.map(|index| index as usize);
            let [Some(a), Some(b), Some(c)] = corners.map(|corner| apart.positions.get(corner)) else { continue };
            let (face, object) = ((apart.normals[corners[0]], apart.colors[corners[0]]), apart.objects[corners[0]]);
            let places = [a, b, c].map(|position| {
                *numbers.entry((position.map(f32::to_bits), object)).or_insert_with(|| {
                    self.places.push(Place { position: *position, object, vertex: None, faces: 0 });
                    self.places.len() - 1
                })
            });
            for place in places {
                if self.speakers.insert((place, face), None).is_none() {
                    self.places[place].faces += 1;
                }
            }
            taken.push(Triangle { places, face });
        }
        taken
    }

    fn new_corners(&self, (first, second): &Pair) -> usize {
        let fourth = second.and_then(|second| second.beside(first));
        first.places.into_iter().chain(fourth).filter(|place| self.places[*place].vertex.is_none()).count()
    }

    /// Both triangles of a pair have the same speaker, so that light which is worked out at a corner is the same on both.
    fn put(&mut self, (first, second): &Pair, provoking: Provoking) {
        let Some(second) = second else {
            let speaker = self.speaker(first.places.into_iter(), first.face);
            return self.put_one(first.turned(speaker.0), speaker.1, provoking);
        };
        let common = first.places.into_iter().filter(|place| second.places.contains(place));
        let (place, vertex) = self.speaker(common, first.face);
        let (mut one, mut other) = (first.turned(place), second.turned(place));
        if one[2] != other[1] {
            (one, other) = (other, one);
        }
        self.put_one(one, vertex, provoking);
        self.put_one(other, vertex, provoking);
    }

    /// The place and the vertex that speak for a face, at one of these places: one that does so already; one that speaks for
    /// nothing yet, where the fewest faces meet that may want it; or a further one.
    fn speaker(&mut self, places: impl Iterator<Item = usize> + Clone, face: Face) -> (usize, u32) {
        let says = |place: usize| self.speakers.get(&(place, face)).copied().flatten().map(|vertex| (place, vertex));
        if let Some(found) = places.clone().find_map(says) {
            return found;
        }
        let is_free =
            |place: &usize| self.places[*place].vertex.is_none_or(|vertex| self.said[vertex as usize].is_none());
        let free = places.clone().filter(is_free).min_by_key(|place| self.places[*place].faces);
        let place = free.or_else(|| places.clone().next()).unwrap_or_default();
        match self.places[place].vertex.filter(|_| free.is_some()) {
            Some(vertex) => {
                self.said[vertex as usize] = Some(face);
                self.speakers.insert((place, face), Some(vertex));
                (place, vertex)
            }
            None => (place, self.add(place, Some(face))),
        }
    }

    /// A triangle of which the first place has the vertex that speaks.
    fn put_one(&mut self, places: [usize; 3], speaker: u32, provoking: Provoking) {
        let [_, second, third] = places;
        let mut corners = [speaker, self.any(second), self.any(third)];
        // Turned until the speaker is where the card looks for it: the way around stays.
        if provoking == Provoking::Last {
            corners.rotate_left(1);
        }
        self.vertices.indices.extend(corners);
    }

    /// Any vertex at a place.
    fn any(&mut self, place: usize) -> u32 {
        match self.places[place].vertex {
            Some(known) => known,
            None => self.add(place, None),
        }
    }

    fn add(&mut self, place: usize, face: Option<Face>) -> u32 {
        let vertex = self.said.len() as u32;
        self.said.push(face);
        if let Some(face) = face {
            self.speakers.insert((place, face), Some(vertex));
        }
        let at = &mut self.places[place];
        at.vertex.get_or_insert(vertex);
        self.vertices.positions.push(at.position);
        self.vertices.objects.push(at.object);
        vertex
    }

    fn finish(self) -> Vertices {
        let unsaid = ([0, 0, 127, 0], [255; 4]);
        let (normals, colors) = self.said.into_iter().map(|face| face.unwrap_or(unsaid)).unzip();
        Vertices { normals, colors, ..self.vertices }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box, each face with its own corners.
    fn boxes(count: u32) -> Vertices {
        let mut made = Vertices::default();
        for object in 0..count {
            let x = object as f32 * 20.0;
            let (low, high) = ([x, 0.0, 0.0], [x + 10.0, 8.0, 30.0]);
            let at = |c: [usize; 3]| [0, 1, 2].map(|axis| if c[axis] == 0 { low[axis] } else { high[axis] });
            let faces = [
                ([0, -127, 0, 0], [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]]),
                ([127, 0, 0, 0], [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1]]),
                ([0, 127, 0, 0], [[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]]),
                ([-127, 0, 0, 0], [[0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]]),
                ([0, 0, 127, 0], [[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]]),
            ];
            for (normal, corners) in faces {
                let first = made.positions.len() as u32;
                made.positions.extend(corners.map(at));
                made.normals.extend([normal; 4]);
                made.objects.extend([object; 4]);
                made.colors.extend([[object as u8, 1, 2, 255]; 4]);
                made.indices.extend([0, 1, 2, 0, 2, 3].map(|i| first + i));
            }
        }
        made
    }

    /// Every triangle from its least corner on, as a card would draw it: places, the face's look, the object.
    fn drawn(vertices: &Vertices, speaker: usize) -> Vec<([[u32; 3]; 3], Face, u32)> {
        let triangle = |three: &[u32; 3]| {
            let says = three[speaker] as usize;
            let [a, b, c] = three.map(|index| vertices.positions[index as usize].map(f32::to_bits));
            let places = [[a, b, c], [b, c, a], [c, a, b]].into_iter().min().unwrap();
            (places, (vertices.normals[says], vertices.colors[says]), vertices.objects[says])
        };
        let mut all: Vec<_> = vertices.indices.as_chunks::<3>().0.iter().map(triangle).collect();
        all.sort_unstable();
        all
    }

    /// How often a software card works on four vertices: 64 of them are kept, each where its number says; 128 triangles a task.
    fn runs(vertices: &Vertices, provoking: Provoking) -> usize {
        let mut runs = 0;
        for task in vertices.indices.chunks(3 * 128) {
            let turned = |three: &[u32; 3]| match provoking {
                Provoking::First => *three,
                Provoking::Last => [three[2], three[0], three[1]],
            };
            let list: Vec<u32> = task.as_chunks::<3>().0.iter().flat_map(turned).collect();
            let mut kept = [u32::MAX; 64];
            for (n, index) in list.iter().enumerate() {
                if kept[*index as usize % 64] != *index {
                    runs += 1;
                    list[n..].iter().take(4).rev().for_each(|index| kept[*index as usize % 64] = *index);
                }
            }
        }
        runs
    }

    #[test]
    fn boxes_have_eight_corners_that_come_in_fours_and_every_triangle_its_face() {
        let apart = boxes(40);
        assert!(runs(&apart, Provoking::First) >= 5 * 40);
        for (provoking, speaker) in [(Provoking::First, 0), (Provoking::Last, 2)] {
            let shared = share_corners(&apart, provoking);
            assert_eq!(shared.positions.len(), 8 * 40);
            assert_eq!(drawn(&shared, speaker), drawn(&apart, 0));
            // One more where each of the 10 groups of triangles begins, and some for boxes that lie in two tasks.
            assert!(runs(&shared, provoking) <= 2 * 40 + 10 + 9, "{}", runs(&shared, provoking));
        }
    }

    #[test]
    fn what_has_no_order_keeps_its_triangles() {
        // A fan of five faces around a point, a triangle that is there twice, one without extent, one out of range.
        let mut fan = Vertices::default();
        let at = |n: u32| [f32::cos(n as f32), f32::sin(n as f32), (n % 2) as f32];
        for (n, object) in [(0, 1), (1, 1), (2, 2), (3, 1), (3, 1), (4, 2)] {
            let first = fan.positions.len() as u32;
            fan.positions.extend([[0.0; 3], at(n), at(n + 1)]);
            fan.normals.extend([[n as i8, 1, 2, 0]; 3]);
            fan.objects.extend([object; 3]);
            fan.colors.extend([[9; 4]; 3]);
            fan.indices.extend([first, first + 1, first + 2]);
        }
        fan.indices.extend([0, 0, 1]);
        for (provoking, speaker) in [(Provoking::First, 0), (Provoking::Last, 2)] {
            assert_eq!(drawn(&share_corners(&fan, provoking), speaker), drawn(&fan, 0));
        }
        let cut = Vertices { indices: [fan.indices.clone(), vec![0, 1, 999]].concat(), ..fan.clone() };
        assert_eq!(share_corners(&cut, Provoking::First), share_corners(&fan, Provoking::First));
    }
}
