//! Lists of numbers to rings and lines (GML 3.2.1, 10.1.4).

use glam::DVec3;

use super::tree::Element;

/// No place on earth has a coordinate beyond this in metres, feet or degrees; what is beyond is a mistake.
const MAX_COORDINATE: f64 = 1e9;

/// How the coordinates of an element are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether north is written before east.
    pub(super) north_first: bool,
    /// Numbers a point, where that is said.
    pub(super) dimension: Option<usize>,
}

/// The numbers of a list, parted by blanks or commas.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = Result<f64, String>> {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let mut rest = text;
    std::iter::from_fn(move || {
        // Both places are those of ASCII characters.
        let first = rest.bytes().position(|byte| !is_between(&byte))?;
        let begun = rest.get(first..)?;
        let end = begun.bytes().position(|byte| is_between(&byte)).unwrap_or(begun.len());
        let (word, behind) = begun.split_at_checked(end)?;
        rest = behind;
        Some(word.parse().map_err(|_| format!("'{word:.40}' is no number")))
    })
}

/// All points inside an element, in their order: of `posList`, `pos`, `coordinates` and `coord` at any depth. East first.
pub(super) fn points(element: Element<'_>, written: Written) -> Result<Vec<DVec3>, String> {
    let mut found = Vec::new();
    if element.is_leaf() {
        read_leaf(element, written, &mut found)?;
    }
    for inside in element.descendants() {
        if inside.name() == "coord" {
            let axis = |name| inside.child(name).map_or(Ok(0.0), |child| number(&child.text()));
            found.push(point(axis("X")?, axis("Y")?, axis("Z")?, written.north_first)?);
        } else {
            read_leaf(inside, written, &mut found)?;
        }
    }
    Ok(found)
}

fn number(text: &str) -> Result<f64, String> {
    numbers(text).next().unwrap_or(Err("a coordinate is empty".to_owned()))
}

fn read_leaf(element: Element<'_>, written: Written, found: &mut Vec<DVec3>) -> Result<(), String> {
    let text = match element.name() {
        "posList" | "coordinates" | "pos" => element.text(),
        _ => return Ok(()),
    };
    let own = element.attribute("srsDimension").and_then(|words| words.parse().ok());
    let dimension = match (own.or(written.dimension), element.name()) {
        // A single position, or tuples parted by blanks, tell it themselves.
        (_, "pos") => numbers(&text).take(4).count(),
        (_, "coordinates") if text.contains(',') => {
            text.split_ascii_whitespace().next().map_or(0, |tuple| tuple.split(',').count())
        }
        (Some(said), _) => said,
        (None, _) => 3,
    };
    if !(2..=3).contains(&dimension) {
        return Err(format!("points of {dimension} numbers"));
    }
    found.reserve(text.len() / 24);
    let mut all = numbers(&text);
    while let Some(first) = all.next() {
        let mut next = || all.next().unwrap_or_else(|| Err(format!("the list is no multiple of {dimension} numbers")));
        let (first, second) = (first?, next()?);
        let third = if dimension == 3 { next()? } else { 0.0 };
        found.push(point(first, second, third, written.north_first)?);
    }
    Ok(())
}

fn point(first: f64, second: f64, height: f64, north_first: bool) -> Result<DVec3, String> {
    let point = if north_first { DVec3::new(second, first, height) } else { DVec3::new(first, second, height) };
    if point.is_finite() && point.abs().max_element() <= MAX_COORDINATE {
        Ok(point)
    } else {
        Err(format!("({first}, {second}, {height}) is no place"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Spaces, Tree};
    use super::*;

    fn read(xml: &str, north_first: bool, dimension: Option<usize>) -> Result<Vec<DVec3>, String> {
        let spaces = Spaces::default();
        let tree = Tree::parse(xml, &spaces).unwrap();
        points(tree.root(), Written { north_first, dimension })
    }

    #[test]
    fn every_way_to_write_a_ring() {
        let expected = vec![DVec3::new(1.0, 2.0, 3.0), DVec3::new(4.0, 5.0, -6e1)];
        for xml in [
            "<r><posList>1 2 3\n 4 5.0 -6e1 </posList></r>",
            "<r><pos>1 2 3</pos><pos> 4 5 -60</pos></r>",
            "<r><coordinates>1,2,3 4,5,-60</coordinates></r>",
            "<r><coordinates>1 2 3 4 5 -60</coordinates></r>",
            "<r><coord><X>1</X><Y>2</Y><Z>3</Z></coord><coord><X>4</X><Y>5</Y><Z>-60</Z></coord></r>",
            "<r><pointProperty><Point><pos>1 2 3</pos></Point></pointProperty><pos>4 5 -60</pos></r>",
            "<posList srsDimension='3'>1 2 3 4 5 -60</posList>",
        ] {
            assert_eq!(read(xml, false, None).as_ref(), Ok(&expected), "{xml}");
        }
        let flat = "<r><posList>1 2 4 5</posList></r>";
        assert_eq!(read(flat, true, Some(2)), Ok(vec![DVec3::new(2.0, 1.0, 0.0), DVec3::new(5.0, 4.0, 0.0)]));
    }

    #[test]
    fn what_is_no_point_is_told() {
        for (xml, words) in [
            ("<posList>1 2 x</posList>", "'x' is no number"),
            ("<posList>1 2 3 4</posList>", "no multiple of 3"),
            ("<posList>1 2 NaN</posList>", "is no place"),
            ("<posList>1 2 1e300</posList>", "is no place"),
            ("<posList srsDimension='0'>1 2</posList>", "points of 0 numbers"),
            ("<pos>1</pos>", "points of 1 numbers"),
            ("<r><coord><X></X></coord></r>", "is empty"),
        ] {
            assert!(read(xml, false, None).unwrap_err().contains(words), "{xml}");
        }
    }
}
