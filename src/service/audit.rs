//! Who did what, when, from where, and what came of it: lines of JSON, each with the hash of the one before.
//!
//! Requests hand entries to a bounded queue and never wait; one writer gives each its number and hash. What does not fit is
//! counted, and the next line says how much was lost. A line that is changed, taken out or put in breaks the chain;
//! [`check_chain`] finds it. Cut off lines at the end show only to whoever knows the last number from elsewhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::access::{Caller, Role};
use crate::platform::RotatingLines;
use crate::quantity::Timestamp;

/// Entries that wait to be written.
const WAITING: usize = 1024;
/// Entries of people who are not known, a second: nobody can push others out of the log by knocking.
const STRANGERS_A_SECOND: u32 = 20;
/// Characters of a path that are kept.
const MOST_PATH: usize = 512;
/// What the first line of all says of the one before.
const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Where lines go. Called from one thread that may wait.
pub trait LineWriter: Send {
    /// Adds lines, each without its end; when this returns, they are kept.
    fn append(&mut self, lines: &[String]) -> std::io::Result<()>;
}

impl LineWriter for RotatingLines {
    fn append(&mut self, lines: &[String]) -> std::io::Result<()> {
        Self::append(self, lines)
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// Who; `None` where they are not known.
    pub caller: Option<Caller>,
    /// Address of the other end, without its port.
    pub from: String,
    /// Method and path, without the query, which may hold a ticket.
    pub what: String,
    /// The answer's status.
    pub status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    n: u64,
    time: String,
    who: Option<String>,
    role: Option<Role>,
    from: String,
    what: String,
    status: u16,
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
    before: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn hash(line: &str) -> String {
    digest(&SHA256, line.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Number and hash of the last line: where the chain goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    number: u64,
    hash: String,
}

impl ChainEnd {
    /// The end of a log whose last line is this; `None` is a new log.
    pub fn after(last: Option<&str>) -> Self {
        let Some(last) = last else { return Self { number: 0, hash: NOTHING_BEFORE.to_owned() } };
        let number = serde_json::from_str::<Line>(last).map_or(0, |line| line.n);
        Self { number, hash: hash(last) }
    }

    fn next(&mut self, entry: Entry, lost: u64) -> String {
        self.number += 1;
        let line = Line {
            n: self.number,
            time: entry.time.to_string(),
            who: entry.caller.as_ref().map(|caller| caller.name.to_string()),
            role: entry.caller.as_ref().map(|caller| caller.role),
            from: entry.from,
            what: entry.what.chars().take(MOST_PATH).collect(),
            status: entry.status,
            lost,
            before: std::mem::take(&mut self.hash),
        };
        // Words and numbers: this cannot fail to be JSON.
        let line = serde_json::to_string(&line).unwrap_or_default();
        self.hash = hash(&line);
        line
    }
}

enum Order {
    Write(Entry),
    Flush(SyncSender<()>),
}

/// The log as requests see it; clones are the same log.
#[derive(Clone, Default)]
pub struct AuditLog {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
    lost_in_all: AtomicU64,
    strangers: Mutex<(i64, u32)>,
}

impl AuditLog {
    /// No log.
    pub fn off() -> Self {
        Self::default()
    }

    /// A log that goes on after `end`, and what writes it: the host runs that on a thread of its own until all clones of the
    /// log are gone.
    pub fn start(writer: Box<dyn LineWriter>, end: ChainEnd) -> (Self, impl FnOnce() + Send + 'static) {
        let (orders, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let shared =
            Shared { orders, lost: Arc::clone(&lost), lost_in_all: AtomicU64::new(0), strangers: Mutex::default() };
        (Self { shared: Some(Arc::new(shared)) }, move || write(&waiting, writer, end, &lost))
    }

    /// Hands an entry to the writer; never waits. What the writer is too slow for, and more strangers than a log can take,
    /// are only counted.
    pub fn tell(&self, entry: Entry) {
        let Some(shared) = &self.shared else { return };
        let crowded = entry.caller.is_none() && shared.is_crowded(entry.time);
        if crowded || matches!(shared.orders.try_send(Order::Write(entry)), Err(TrySendError::Full(_))) {
            shared.lost.fetch_add(1, Ordering::Relaxed);
            if shared.lost_in_all.fetch_add(1, Ordering::Relaxed).is_power_of_two() {
                tracing::warn!(lost = self.lost(), "the audit log loses lines");
            }
        }
    }

    /// Lines lost since the start.
    pub fn lost(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.lost_in_all.load(Ordering::Relaxed))
    }

    /// Waits until everything told so far is written. Blocks: not for the threads that answer.
    pub fn flush(&self) {
        let Some(shared) = &self.shared else { return };
        let (done, wait) = sync_channel(1);
        if shared.orders.send(Order::Flush(done)).is_ok() {
            // A writer that is gone has written what it could.
            let _ = wait.recv();
        }
    }
}

impl Shared {
    fn is_crowded(&self, now: Timestamp) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.0.div_euclid(1_000_000);
        if strangers.0 != second {
            *strangers = (second, 0);
        }
        strangers.1 = strangers.1.saturating_add(1);
        strangers.1 > STRANGERS_A_SECOND
    }
}

fn write(waiting: &Receiver<Order>, mut writer: Box<dyn LineWriter>, mut end: ChainEnd, lost: &AtomicU64) {
    let mut failing = false;
    while let Ok(first) = waiting.recv() {
        let (mut lines, mut flushed) = (Vec::new(), Vec::new());
        let before = end.clone();
        let gone = lost.swap(0, Ordering::Relaxed);
        let mut untold = gone;
        for order in std::iter::once(first).chain(waiting.try_iter().take(WAITING)) {
            match order {
                Order::Write(entry) => lines.push(end.next(entry, std::mem::take(&mut untold))),
                Order::Flush(done) => flushed.push(done),
            }
        }
        lost.fetch_add(untold, Ordering::Relaxed);
        match if lines.is_empty() { Ok(()) } else { writer.append(&lines) } {
            Ok(()) => failing = false,
            Err(error) => {
                // The chain goes on where it was; the lines count as lost.
                end = before;
                lost.fetch_add(lines.len() as u64 + gone - untold, Ordering::Relaxed);
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "the audit log cannot be written");
                }
            }
        }
        // Whoever waits may have given up.
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// What a look at a chain shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChainReport {
    /// Lines read.
    pub lines: u64,
    /// Lines that the log itself says were lost.
    pub lost: u64,
    /// Line (from 1, over all files) and what is wrong there.
    pub problems: Vec<(u64, String)>,
}

/// Checks the lines of a log, the oldest first, over all its files. The first line may go on from files that were dropped.
pub fn check_chain<'l>(lines: impl IntoIterator<Item = &'l str>) -> ChainReport {
    let mut report = ChainReport::default();
    let mut before: Option<(u64, String)> = None;
    for text in lines {
        report.lines += 1;
        let number = report.lines;
        let mut tell = |message: &str| report.problems.push((number, message.to_owned()));
        let Ok(line) = serde_json::from_str::<Line>(text) else {
            tell("not a line of an audit log, or cut off in the middle");
            before = before.map(|(n, _)| (n, hash(text)));
            continue;
        };
        match &before {
            Some((_, hash)) if *hash != line.before => tell("the line before was changed, taken out or put in"),
            Some((n, _)) if line.n != n + 1 => tell("the numbers do not follow each other"),
            None if line.n == 1 && line.before != NOTHING_BEFORE => tell("the first line has something before it"),
            _ => {}
        }
        report.lost += line.lost;
        before = Some((line.n, hash(text)));
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::access::{Grounds, How};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<String>>>);

    impl LineWriter for Memory {
        fn append(&mut self, lines: &[String]) -> std::io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(lines);
            Ok(())
        }
    }

    fn entry(what: &str) -> Entry {
        let caller = Caller {
            name: "anna".into(),
            role: Role::Planner,
            how: How::Token,
            grounds: Grounds::Token(1),
            until: None,
        };
        Entry { time: Timestamp(0), caller: Some(caller), from: "10.0.0.7".into(), what: what.into(), status: 204 }
    }

    fn written(entries: &[Entry]) -> Vec<String> {
        let memory = Memory::default();
        let (log, writer) = AuditLog::start(Box::new(memory.clone()), ChainEnd::after(None));
        entries.iter().for_each(|entry| log.tell(entry.clone()));
        drop(log);
        writer();
        memory.0.lock().unwrap().clone()
    }

    fn check(lines: &[String]) -> ChainReport {
        check_chain(lines.iter().map(String::as_str))
    }

    #[test]
    fn shows_what_was_changed_taken_out_or_put_in() {
        let lines = written(&["PUT /a", "PUT /b", "DELETE /c", "PUT /d"].map(entry));
        assert!(lines[0].contains("\"who\":\"anna\"") && lines[0].contains("\"what\":\"PUT /a\""), "{}", lines[0]);
        assert_eq!(check(&lines), ChainReport { lines: 4, ..ChainReport::default() });
        assert_eq!(check(&lines[1..]).problems, [], "the oldest file may be gone");
        let with = |change: fn(&mut Vec<String>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            check(&lines).problems.into_iter().map(|(line, _)| line).collect::<Vec<_>>()
        };
        assert_eq!(with(|lines| lines[1] = lines[1].replace("anna", "otto")), [3]);
        assert_eq!(with(|lines| drop(lines.remove(2))), [3]);
        assert_eq!(with(|lines| lines.insert(1, lines[0].clone())), [2]);
        assert_eq!(with(|lines| lines.swap(1, 2)), [2, 3, 4]);
        assert_eq!(with(|lines| lines[0] = "{}".into()), [1]);
    }

    #[test]
    fn goes_on_after_a_restart_and_after_a_line_that_was_cut() {
        let mut lines = written(&[entry("PUT /a")]);
        let mut end = ChainEnd::after(lines.last().map(String::as_str));
        lines.push(end.next(entry("PUT /b"), 0));
        assert_eq!(check(&lines).problems, []);
        lines.push(lines[1][..40].to_owned());
        let mut end = ChainEnd::after(lines.last().map(String::as_str));
        lines.push(end.next(entry("PUT /c"), 0));
        assert_eq!(check(&lines).problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn counts_what_is_lost_and_never_waits() {
        let memory = Memory::default();
        let (log, writer) = AuditLog::start(Box::new(memory.clone()), ChainEnd::after(None));
        (0..WAITING + 100).for_each(|_| log.tell(entry("PUT /a")));
        assert_eq!(log.lost(), 100);
        drop(log);
        writer();
        let report = check(&memory.0.lock().unwrap());
        assert_eq!((report.lines, report.lost, report.problems), (WAITING as u64, 100, vec![]));
    }

    #[test]
    fn strangers_cannot_flood_it() {
        let stranger = Entry { caller: None, status: 401, ..entry("GET /api/city") };
        let mut all = vec![stranger; 500];
        all.push(entry("PUT /a"));
        let lines = written(&all);
        assert_eq!(lines.len(), STRANGERS_A_SECOND as usize + 1);
        assert!(lines.last().unwrap().contains("PUT /a"));
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_the_chain_stays_whole() {
        struct Full(Memory, usize);
        impl LineWriter for Full {
            fn append(&mut self, lines: &[String]) -> std::io::Result<()> {
                self.1 += 1;
                if self.1 == 2 { Err(std::io::Error::other("no space")) } else { self.0.append(lines) }
            }
        }
        let memory = Memory::default();
        let (log, writer) = AuditLog::start(Box::new(Full(memory.clone(), 0)), ChainEnd::after(None));
        let writer = std::thread::spawn(writer);
        for what in ["PUT /a", "PUT /b", "PUT /c"] {
            log.tell(entry(what));
            log.flush();
        }
        drop(log);
        writer.join().unwrap();
        let lines = memory.0.lock().unwrap().clone();
        let report = check(&lines);
        assert_eq!((report.lines, report.lost, report.problems), (2, 1, vec![]));
    }
}
