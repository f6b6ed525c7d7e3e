//! Lines on their way to a reader who may have stopped reading.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use super::form::{self, Event, Form};

/// How many bytes wait to be written at most: thousands of lines, and little beside what a service needs.
const CAPACITY: usize = 1024 * 1024;

/// How much is written at once, so that a reader's progress shows. A pipe holds more.
const PIECE: usize = 4096;

/// How long the thread rests once it has written, so that of many lines not each wakes it.
const REST: Duration = Duration::from_millis(2);

/// A queue of lines with a thread that writes them. Clones share it.
///
/// Whoever logs never waits for the reader: a pipe that nobody empties would otherwise stop the service, one thread
/// after the other. Lines that find the queue full are dropped, and one line tells how many.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// Told of a line for which the thread has to wake, and of whoever waits for the thread.
    come: Condvar,
    /// Told of each piece that is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines found no room since the last were written.
    dropped: u64,
    /// The thread has lines that it has not written yet.
    is_writing: bool,
    /// The thread waits until lines come.
    is_asleep: bool,
    /// Somebody waits until all is written, or there is much to write: this is no time to rest.
    is_hurried: bool,
    /// Pieces written, by which a reader that is slow differs from one that has stopped.
    pieces: u64,
}

impl Lines {
    /// Starts the thread.
    pub(super) fn written_to(sink: impl Write + Send + 'static, form: Form) -> Self {
        let lines = Self(Arc::default());
        let queue = Arc::clone(&lines.0);
        let thread = std::thread::Builder::new().name("log".to_owned());
        // Where no thread can be had, there is no log; the program will hardly come further.
        let _ = thread.spawn(move || queue.write_on(sink, form));
        lines
    }

    /// Leaves a line, which ends in a line feed, to be written.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > CAPACITY {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        let is_filling =
            state.waiting.len() > CAPACITY / 2 && !std::mem::replace(&mut state.is_hurried, true);
        let is_asleep = std::mem::take(&mut state.is_asleep);
        drop(state);
        if is_asleep || is_filling {
            self.0.come.notify_one();
        }
    }

    /// Waits until all is written, for as long as some of it is within `patience`, and three times that in all: a
    /// reader that takes a piece now and then must not hold up the end either.
    pub(super) fn flush(&self, patience: Duration) {
        let end = Instant::now() + 3 * patience;
        let mut state = self.0.lock();
        state.is_hurried = true;
        self.0.come.notify_one();
        loop {
            let patience = patience.min(end.saturating_duration_since(Instant::now()));
            let before = state.pieces;
            let is_stuck = |state: &mut State| state.is_waited_for() && state.pieces == before;
            let waited = self.0.written.wait_timeout_while(state, patience, is_stuck);
            let (now, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if timeout.timed_out() || !state.is_waited_for() {
                return;
            }
        }
    }
}

impl State {
    fn is_waited_for(&self) -> bool {
        self.is_writing || !self.waiting.is_empty() || self.dropped > 0
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes whatever comes, for as long as the process lives.
    fn write_on(&self, mut sink: impl Write, form: Form) {
        let mut lines = Vec::new();
        loop {
            self.take(&mut lines, form);
            for piece in lines.chunks(PIECE) {
                // A reader that is gone leaves nothing to do but to go on.
                let _ = sink.write_all(piece);
                self.lock().pieces += 1;
                self.written.notify_all();
            }
        }
    }

    /// Waits for lines and takes all there are, with one more if some were dropped.
    ///
    /// A line that comes alone is written at once, and those that come right after it together.
    fn take(&self, lines: &mut Vec<u8>, form: Form) {
        lines.clear();
        let mut state = self.lock();
        state.is_writing = false;
        self.written.notify_all();
        let may_rest = |state: &mut State| !state.is_hurried;
        let rested = self.come.wait_timeout_while(state, REST, may_rest);
        (state, _) = rested.unwrap_or_else(PoisonError::into_inner);
        let is_idle = |state: &mut State| {
            state.is_asleep = !state.is_waited_for();
            state.is_asleep
        };
        state = self.come.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        state.is_hurried = false;
        std::mem::swap(lines, &mut state.waiting);
        state.is_writing = true;
        let dropped = std::mem::take(&mut state.dropped);
        drop(state);
        if dropped > 0 {
            lines.extend_from_slice(notice(dropped, form).as_bytes());
        }
    }
}

/// The line that tells of dropped ones, as the others look.
fn notice(dropped: u64, form: Form) -> String {
    const MESSAGE: &str = "lines of this log were dropped: its reader was too slow";
    let (timestamp, target) = (form::now(), module_path!());
    let text = format!("{timestamp}  WARN {target}: {MESSAGE} lines={dropped}");
    let field = Some(("lines", dropped.into()));
    form.line(&text, Event { level: Level::WARN, target, message: MESSAGE, field })
}

/// Standard error without the standard library's lock, which a write that waits would hold.
pub(super) fn standard_error() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    if let Ok(descriptor) = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned() {
        return Box::new(std::fs::File::from(descriptor));
    }
    Box::new(io::stderr())
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = Line<'l>;

    fn make_writer(&'l self) -> Line<'l> {
        Line(self)
    }
}

/// Takes one line, which the subscriber writes whole.
#[derive(Debug)]
pub(super) struct Line<'l>(&'l Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// A reader who takes a piece each time it is told to.
    struct Reader {
        go: Receiver<()>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            // Once nobody tells it anything any more, it takes all.
            let _ = self.go.recv();
            self.read.lock().unwrap().extend_from_slice(piece);
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(form: Form) -> (Lines, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (tell, go) = channel();
        let read = Arc::default();
        (Lines::written_to(Reader { go, read: Arc::clone(&read) }, form), tell, read)
    }

    fn text(read: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(read.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn after_a_flush_every_line_is_written_whole_and_in_order() {
        let (lines, tell, read) = lines(Form::Text);
        drop(tell);
        let expected = (0..10_000).map(|number| number.to_string()).collect::<Vec<_>>().join("\n") + "\n";
        for line in expected.split_inclusive('\n') {
            lines.make_writer().write_all(line.as_bytes()).unwrap();
        }
        lines.flush(SOON);
        assert_eq!(text(&read), expected);
    }

    #[test]
    fn every_line_is_written_though_nobody_flushes() {
        let (lines, tell, read) = lines(Form::Text);
        drop(tell);
        let mut expected = String::new();
        for number in 0..200 {
            let line = format!("{number}\n");
            lines.push(line.as_bytes());
            expected.push_str(&line);
            let begin = Instant::now();
            // Of some the next comes at once, of others while the thread rests, and of others while it sleeps.
            while number % 3 > 0 && text(&read) != expected {
                assert!(begin.elapsed() < SOON, "{number}");
                std::thread::sleep(number % 4 * REST);
            }
        }
        lines.flush(SOON);
        assert_eq!(text(&read), expected);
    }

    #[test]
    fn a_reader_that_stops_keeps_nobody_waiting_and_is_told_later_what_it_missed() {
        for form in [Form::Text, Form::Json] {
            let (lines, tell, read) = lines(form);
            let line = format!("{}\n", "x".repeat(999));
            lines.push(line.as_bytes());
            while !lines.0.lock().is_writing {
                std::thread::yield_now();
            }
            let pushed = 5 * CAPACITY / line.len();
            for _ in 1..pushed {
                lines.push(line.as_bytes());
            }
            // Nor does the end of the program.
            lines.flush(Duration::from_millis(10));
            assert_eq!(text(&read), "");
            drop(tell);
            lines.flush(SOON);
            let text = text(&read);
            let (kept, notices): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("xx"));
            let [notice] = notices[..] else { panic!("{notices:?}") };
            assert!(kept.len() * line.len() <= 2 * CAPACITY, "{}", kept.len());
            let dropped = pushed - kept.len();
            assert!(notice.contains("were dropped") && notice.contains(&dropped.to_string()), "{notice}");
        }
    }

    #[test]
    fn the_end_waits_for_a_reader_that_is_slow_and_not_for_one_that_has_stopped() {
        let (lines, tell, read) = lines(Form::Text);
        lines.push(&[b'x'; 3 * PIECE]);
        let telling = std::thread::spawn(move || {
            for _ in 0..3 {
                std::thread::sleep(Duration::from_millis(20));
                tell.send(()).unwrap();
            }
            tell
        });
        lines.flush(SOON);
        assert_eq!(text(&read).len(), 3 * PIECE);
        let _stopped = telling.join().unwrap();
        lines.push(b"y");
        let (start, patience) = (Instant::now(), Duration::from_millis(100));
        lines.flush(patience);
        assert!(start.elapsed() >= patience);
        assert_eq!(text(&read).len(), 3 * PIECE);
    }

    #[test]
    fn the_end_waits_no_longer_than_three_times_for_a_reader_that_never_comes_to_the_end() {
        let (lines, tell, read) = lines(Form::Text);
        lines.push(&vec![b'x'; CAPACITY]);
        let (stop, is_stopped) = channel::<()>();
        let telling = std::thread::spawn(move || {
            // All of it would take 256 times as long as one piece.
            while is_stopped.recv_timeout(Duration::from_millis(100)).is_err() {
                tell.send(()).unwrap();
            }
        });
        lines.flush(Duration::from_millis(500));
        assert!(read.lock().unwrap().len() < CAPACITY);
        stop.send(()).unwrap();
        telling.join().unwrap();
    }
}
