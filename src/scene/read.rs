//! Text to document: every problem is found in one reading, each with its line.
//!
//! serde stops at its first error, so the reader notes it, takes the offending key (or the table that cannot be) out of
//! the parsed tree and tries again. What is left is then checked for meaning, against the same tree, which knows where
//! everything stands.

use serde::de::DeserializeOwned;

use super::place::{Problems, SourceTree};
use super::variables::Environment;
use super::{FORMAT_VERSION, ScenarioDocument, SceneDocument, check_scenario, check_scene};

/// More problems than this are counted, not told.
const MOST_PROBLEMS: usize = 100;
/// A longer text is not a document somebody wrote.
const MOST_BYTES: usize = 16 << 20;

/// One thing wrong in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentProblem {
    /// From 1.
    pub line: usize,
    /// Characters from 1.
    pub column: usize,
    /// What is wrong and, where it can be told, what was meant.
    pub message: String,
}

/// Why a document was refused: all of its problems, in the order of their lines, at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct DocumentError {
    /// Name of the document, as given.
    pub file: String,
    /// What is wrong.
    pub problems: Vec<DocumentProblem>,
}

impl DocumentError {
    /// `file:line:column: message`, one line a problem.
    fn lines(&self) -> String {
        let line = |p: &DocumentProblem| format!("{}:{}:{}: {}", self.file, p.line, p.column, p.message);
        self.problems.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Reads and validates a scene (TOML 1.0). `file_name` is only for messages; `${VAR}` is filled in from `environment`.
///
/// ```
/// use veduta::scene::{Environment, read_scene};
/// let scene = read_scene("format_version = 1\n[[camera]]\nname = 'top'\nplace = [139.7, 35.6, 900]\n", "a.toml", &Environment::new());
/// assert_eq!(scene.unwrap().cameras[0].name, "top");
/// let error = read_scene("format_version = 1\n[tour]\ncameras = ['top']\n", "a.toml", &Environment::new()).unwrap_err();
/// assert_eq!(error.to_string(), "a.toml:3:12: no camera is named 'top'");
/// ```
pub fn read_scene(text: &str, file_name: &str, environment: &Environment) -> Result<SceneDocument, DocumentError> {
    read(text, file_name, environment, check_scene::check)
}

/// Reads and validates a scenario (TOML 1.0). Its cameras and indicators live in the base scene: read once without `base`
/// to learn [`ScenarioDocument::scene`], then again with it to have the references into it checked.
pub fn read_scenario(
    text: &str,
    file_name: &str,
    environment: &Environment,
    base: Option<&SceneDocument>,
) -> Result<ScenarioDocument, DocumentError> {
    read(text, file_name, environment, |document, problems| check_scenario::check(document, base, problems))
}

/// Reads a document of another kind that carries `format_version` and says what it means itself (an import recipe): every
/// unknown key, wrong type and unknown variable is told with its line.
pub fn read_document<D: DeserializeOwned>(
    text: &str,
    file_name: &str,
    environment: &Environment,
) -> Result<D, DocumentError> {
    read(text, file_name, environment, |_, _| {})
}

/// What a document says without what is wrong in it; nothing where that is too much.
pub fn read_partly<D: DeserializeOwned>(text: &str, environment: &Environment) -> Option<D> {
    if text.len() > MOST_BYTES {
        return None;
    }
    let (mut tree, errors) = SourceTree::parse(text);
    if !errors.is_empty() {
        return None;
    }
    tree.fill_in(environment);
    tree.document::<D>(MOST_PROBLEMS, &mut Vec::new())
}

pub(super) fn read<D: DeserializeOwned>(
    text: &str,
    file_name: &str,
    environment: &Environment,
    check: impl FnOnce(&D, &mut Problems<'_>),
) -> Result<D, DocumentError> {
    if text.len() > MOST_BYTES {
        let problem = DocumentProblem { line: 1, column: 1, message: format!("longer than {MOST_BYTES} bytes") };
        return Err(DocumentError { file: file_name.to_owned(), problems: vec![problem] });
    }
    let (mut tree, errors) = SourceTree::parse(text);
    let mut found: Vec<DocumentProblem> = errors;
    let whole = found.is_empty();
    if whole {
        found.extend(tree.fill_in(environment));
        found.extend(tree.check_version(FORMAT_VERSION));
    }
    let document = if whole { tree.document::<D>(MOST_PROBLEMS, &mut found) } else { None };
    if let Some(document) = &document {
        let mut problems = Problems::new(&tree);
        check(document, &mut problems);
        found.extend(problems.found());
    }
    found.sort_by_key(|problem| (problem.line, problem.column));
    found.dedup();
    match document {
        Some(document) if found.is_empty() => Ok(document),
        _ => Err(DocumentError { file: file_name.to_owned(), problems: shortened(found) }),
    }
}

fn shortened(mut problems: Vec<DocumentProblem>) -> Vec<DocumentProblem> {
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
    if let (true, Some(last)) = (more > 0, problems.last_mut()) {
        last.message.push_str(&format!(" (and {more} more problems)"));
    }
    problems
}
