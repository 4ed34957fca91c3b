//! Text to tokens.

use super::ExpressionError;

/// One token and the column (from 1, in characters) where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub column: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    /// A whole number that fits.
    Whole(i64),
    Text(String),
    /// A name or a keyword; keywords are told apart by the parser.
    Word(String),
    /// A name in double quotes or backticks: never a keyword.
    Quoted(String),
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 18] =
    ["<>", "<=", ">=", "==", "!=", "||", "(", ")", ",", "+", "-", "*", "/", "%", "=", "<", ">", "!"];

/// All tokens, `End` last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        let (kind, next) = token(&letters, at)?;
        found.push(Token { kind, column: at + 1 });
        at = next;
    }
    found.push(Token { kind: Kind::End, column: letters.len() + 1 });
    Ok(found)
}

fn token(letters: &[char], at: usize) -> Result<(Kind, usize), ExpressionError> {
    let letter = letters[at];
    match letter {
        '\'' => quoted(letters, at, '\'').map(|(text, next)| (Kind::Text(text), next)),
        '"' | '`' => quoted(letters, at, letter).map(|(name, next)| (Kind::Quoted(name), next)),
        '0'..='9' => number(letters, at),
        '.' if letters.get(at + 1).is_some_and(char::is_ascii_digit) => number(letters, at),
        _ if letter.is_alphabetic() || letter == '_' => {
            let more = |c: &&char| c.is_alphanumeric() || **c == '_' || **c == '.';
            let word: String = letters[at..].iter().take_while(more).collect();
            let next = at + word.chars().count();
            Ok((Kind::Word(word), next))
        }
        _ => {
            let fits = |symbol: &&&str| symbol.chars().enumerate().all(|(i, c)| letters.get(at + i) == Some(&c));
            let symbol = SYMBOLS
                .iter()
                .find(fits)
                .ok_or_else(|| ExpressionError::new(at + 1, format!("'{letter}' means nothing here")))?;
            Ok((Kind::Symbol(symbol), at + symbol.len()))
        }
    }
}

/// Text up to the closing quote; a doubled quote stands for itself.
fn quoted(letters: &[char], start: usize, quote: char) -> Result<(String, usize), ExpressionError> {
    let mut text = String::new();
    let mut at = start + 1;
    loop {
        match letters.get(at) {
            Some(&c) if c == quote && letters.get(at + 1) == Some(&quote) => {
                text.push(quote);
                at += 2;
            }
            Some(&c) if c == quote => return Ok((text, at + 1)),
            Some(&c) => {
                text.push(c);
                at += 1;
            }
            None => return Err(ExpressionError::new(start + 1, format!("the closing {quote} is missing"))),
        }
    }
}

fn number(letters: &[char], start: usize) -> Result<(Kind, usize), ExpressionError> {
    let digits = |from: usize| letters[from..].iter().take_while(|c| c.is_ascii_digit()).count();
    let mut at = start + digits(start);
    let mut whole = true;
    if letters.get(at) == Some(&'.') {
        whole = false;
        at += 1 + digits(at + 1);
    }
    if matches!(letters.get(at), Some('e' | 'E')) {
        let sign = usize::from(matches!(letters.get(at + 1), Some('+' | '-')));
        let exponent = letters.get(at + 1 + sign..).map_or(0, |_| digits(at + 1 + sign));
        if exponent > 0 {
            whole = false;
            at += 1 + sign + exponent;
        }
    }
    let text: String = letters[start..at].iter().collect();
    let wrong = || ExpressionError::new(start + 1, format!("'{text}' is not a number"));
    if letters.get(at).is_some_and(|c| c.is_alphabetic() || *c == '_') {
        return Err(wrong());
    }
    match text.parse::<i64>() {
        Ok(value) if whole => Ok((Kind::Whole(value), at)),
        _ => text.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| (Kind::Number(v), at)).ok_or_else(wrong),
    }
}
