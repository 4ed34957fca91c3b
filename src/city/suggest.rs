//! "Did you mean": the known word nearest to an unknown one.

/// The known word nearest to an unknown one; `None` where no known word is near.
pub fn suggest<'a, S: AsRef<str>>(word: &str, known: &'a [S]) -> Option<&'a str> {
    let nearest = known.iter().map(|k| (distance(word, k.as_ref()), k.as_ref())).min();
    nearest.filter(|(far, name)| *far <= 1 + name.chars().count() / 3).map(|(_, name)| name)
}

/// ` (did you mean 'x'?)`, or nothing where no known word is near.
pub fn did_you_mean<S: AsRef<str>>(word: &str, known: &[S]) -> String {
    suggest(word, known).map_or_else(String::new, |name| format!(" (did you mean '{name}'?)"))
}

/// Edits (insert, delete, replace, swap neighbours) between two words, capitals aside (Damerau-Levenshtein, restricted).
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> { text.chars().take(64).flat_map(char::to_lowercase).collect() };
    let (a, b) = (letters(a), letters(b));
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_of_the_finger_and_keeps_silent_otherwise() {
        assert_eq!(did_you_mean("colour", &["class", "color", "name"]), " (did you mean 'color'?)");
        assert_eq!(did_you_mean("visibel", &["class", "visible"]), " (did you mean 'visible'?)");
        assert_eq!(did_you_mean("banana", &["class", "color", "name"]), "");
        assert_eq!(did_you_mean("x", &[] as &[&str]), "");
    }
}
