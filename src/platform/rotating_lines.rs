//! A file of lines that only grows, and makes way for a new one when it is large: `NAME`, `NAME.1` (the one before), ...

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes at the end of a file in which its last line is looked for.
const TAIL_BYTES: u64 = 64 << 10;

/// An open file of lines.
pub struct RotatingLines {
    path: PathBuf,
    file: File,
    bytes: u64,
    most_bytes: u64,
    kept: usize,
}

impl RotatingLines {
    /// Goes on with a file or begins it; only its owner may read it. A file that would pass `most_bytes` makes way, and
    /// `kept` of those before it stay.
    pub fn open(path: &Path, most_bytes: u64, kept: usize) -> io::Result<Self> {
        let mut file = append_to(path)?;
        let mut bytes = file.metadata()?.len();
        // What was cut off in the middle of a line stays, as a line of its own.
        if bytes > 0 && tail(path, 1)?.last() != Some(&b'\n') {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok(Self { path: path.to_owned(), file, bytes, most_bytes, kept })
    }

    /// The last line there is, in this file or, where it is empty, in the one before.
    pub fn last_line(&self) -> io::Result<Option<String>> {
        for path in [self.path.clone(), numbered(&self.path, 1)] {
            if !path.exists() {
                continue;
            }
            let tail = tail(&path, TAIL_BYTES)?;
            let text = String::from_utf8_lossy(&tail);
            if let Some(line) = text.trim_end_matches('\n').rsplit('\n').next().filter(|line| !line.is_empty()) {
                return Ok(Some(line.to_owned()));
            }
        }
        Ok(None)
    }

    /// Adds lines, each without its end; they are on the disk when this returns. After a failure none of them counts.
    pub fn append(&mut self, lines: &[String]) -> io::Result<()> {
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        if self.bytes > 0 && self.bytes + text.len() as u64 > self.most_bytes {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()) {
            // Half a line would stand in the way of the next.
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        match fs::remove_file(numbered(&self.path, self.kept.max(1))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for number in (1..self.kept.max(1)).rev().filter(|number| numbered(&self.path, *number).exists()) {
            fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1))?;
        }
        fs::rename(&self.path, numbered(&self.path, 1))?;
        self.file = append_to(&self.path)?;
        self.bytes = 0;
        Ok(())
    }

    /// All lines of a file and of those before it, the oldest first. What is not UTF-8 is shown as such.
    pub fn read_all(path: &Path) -> io::Result<Vec<String>> {
        let mut files = vec![path.to_owned()];
        files.extend((1..).map(|number| numbered(path, number)).take_while(|path| path.exists()));
        let mut lines = Vec::new();
        for file in files.iter().rev() {
            for line in BufReader::new(File::open(file)?).split(b'\n') {
                lines.push(String::from_utf8_lossy(&line?).into_owned());
            }
        }
        Ok(lines)
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn append_to(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn tail(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_way_by_size_and_keeps_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut lines = RotatingLines::open(&path, 30, 2).unwrap();
        assert_eq!(lines.last_line().unwrap(), None);
        for number in 0..10 {
            lines.append(&[format!("line {number:05}")]).unwrap();
        }
        assert_eq!(lines.last_line().unwrap().as_deref(), Some("line 00009"));
        let all = RotatingLines::read_all(&path).unwrap();
        assert_eq!((all.first().unwrap().as_str(), all.len()), ("line 00004", 6));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn goes_on_after_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "whole\nhal").unwrap();
        let mut lines = RotatingLines::open(&path, 1000, 2).unwrap();
        assert_eq!(lines.last_line().unwrap().as_deref(), Some("hal"));
        lines.append(&["next".into()]).unwrap();
        assert_eq!(RotatingLines::read_all(&path).unwrap(), ["whole", "hal", "next"]);
    }
}
