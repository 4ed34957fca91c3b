//! The syntax of well-known text (OGC 01-009 clause 7, ISO 19162 clause 6): `KEYWORD[value, "text", KEYWORD[...]]`.

/// Longer texts are no definition of a CRS.
const LONGEST: usize = 64 * 1024;
/// Definitions nest some eight levels deep.
const DEEPEST: usize = 32;

/// `KEYWORD[items]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Node {
    /// In capitals.
    pub keyword: String,
    pub items: Vec<Item>,
}

/// What stands between the brackets.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Text(String),
    Number(f64),
    /// A word without quotes: `NORTH`.
    Word(String),
    Node(Node),
}

impl Node {
    pub fn new(keyword: &str, items: Vec<Item>) -> Self {
        Self { keyword: keyword.to_owned(), items }
    }

    pub fn children(&self) -> impl Iterator<Item = &Node> {
        self.items.iter().filter_map(|item| if let Item::Node(node) = item { Some(node) } else { None })
    }

    /// The first child that has one of these keywords.
    pub fn child(&self, keywords: &[&str]) -> Option<&Node> {
        self.children().find(|node| keywords.contains(&node.keyword.as_str()))
    }

    /// Its name, which stands first; empty where there is none.
    pub fn name(&self) -> &str {
        self.items.iter().find_map(|item| if let Item::Text(text) = item { Some(text) } else { None }).map_or("", |t| t)
    }

    /// The number at a place among the items, in quotes or not.
    pub fn number(&self, place: usize) -> Option<f64> {
        match self.items.get(place)? {
            Item::Number(number) => Some(*number),
            Item::Text(text) | Item::Word(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            Item::Node(_) => None,
        }
    }
}

/// Reads one definition. The error says what is wrong at which byte.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, more than any definition", text.len()));
    }
    let mut parser = Parser { text, at: 0 };
    let node = parser.node(0)?;
    parser.blank();
    Ok(node)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
    }

    /// Goes over one of these signs.
    fn sign(&mut self, signs: &[char]) -> bool {
        self.blank();
        let found = self.rest().chars().next().filter(|c| signs.contains(c));
        self.at += found.map_or(0, char::len_utf8);
        found.is_some()
    }

    fn word(&mut self) -> &'a str {
        self.blank();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.+-:".contains(c))).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn node(&mut self, depth: usize) -> Result<Node, String> {
        let keyword = self.word().to_ascii_uppercase();
        if keyword.is_empty() || depth > DEEPEST || !self.sign(&['[', '(']) {
            return Err(format!("no KEYWORD[...] at byte {}", self.at));
        }
        self.inside(keyword, depth)
    }

    /// The items after an opening bracket, and the closing one.
    fn inside(&mut self, keyword: String, depth: usize) -> Result<Node, String> {
        let mut items = Vec::new();
        loop {
            items.push(self.item(depth)?);
            if self.sign(&[']', ')']) {
                return Ok(Node { keyword, items });
            }
            if !self.sign(&[',']) {
                return Err(format!("neither ',' nor ']' at byte {}", self.at));
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, String> {
        self.blank();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let word = self.word();
        if word.is_empty() {
            return Err(format!("a value is expected at byte {}", self.at));
        }
        if self.sign(&['[', '(']) {
            if depth >= DEEPEST {
                return Err(format!("brackets are nested deeper than {DEEPEST}"));
            }
            return self.inside(word.to_ascii_uppercase(), depth + 1).map(Item::Node);
        }
        Ok(match word.parse::<f64>() {
            Ok(number) if number.is_finite() => Item::Number(number),
            _ => Item::Word(word.to_owned()),
        })
    }

    /// A text in quotes; a quote inside is written twice.
    fn quoted(&mut self) -> Result<Item, String> {
        let mut text = String::new();
        let start = self.at;
        loop {
            self.at += 1;
            let rest = self.rest();
            let end = rest.find('"').ok_or_else(|| format!("the text that begins at byte {start} has no end"))?;
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.rest().starts_with('"') {
                return Ok(Item::Text(text));
            }
            text.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_numbers_words_and_nodes() {
        let node = parse(" CS( \"a \"\"b\"\"\", -1.5e-3 ,AXIS[\"x\",EAST]) ").unwrap();
        assert_eq!(node.name(), "a \"b\"");
        assert_eq!(node.number(1), Some(-0.0015));
        assert_eq!(node.child(&["AXIS"]).unwrap().items[1], Item::Word("EAST".to_owned()));
    }

    #[test]
    fn what_is_no_text_of_this_kind_is_told() {
        let deep = "A[".repeat(5000);
        for text in ["", "A", "A[", "A[]", "A[\"x]", "A[1 2]", "[1]", "A[B[1]", deep.as_str(), "A[,]"] {
            assert!(parse(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
    }
}
