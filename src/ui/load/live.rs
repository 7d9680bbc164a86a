//! What a load test is doing: a screen on a terminal, elsewhere a line for each step.

use std::io::Stderr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};

use super::screen::{Head, Said, State, draw};
use crate::load::{Figure, Step, StepSoFar};
use crate::ui::style::Terminal;
use crate::ui::{err, note};

/// How often the screen is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// Whether the terminal shows its other screen.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Shows a test while it runs. Dropping it leaves the terminal as it was.
pub struct Watcher {
    terminal: Terminal,
    to: Option<mpsc::Sender<Said>>,
    drawing: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Begins to show a test. `terminal` is that of standard error.
    pub fn new(head: Head, terminal: Terminal) -> Watcher {
        // Without more than ASCII there is nothing to draw a plot with.
        let screen = if terminal.interactive && terminal.unicode { Screen::open() } else { None };
        let Some(mut screen) = screen else { return Watcher { terminal, to: None, drawing: None } };
        let (to, from) = mpsc::channel();
        let drawing = std::thread::spawn(move || {
            let mut state = State::new(head, terminal.color);
            loop {
                match from.recv_timeout(FRAME) {
                    Ok(said) => state.take(said),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                while let Ok(said) = from.try_recv() {
                    state.take(said);
                }
                // A screen that cannot be drawn must not stop the test.
                let _ = screen.terminal.draw(|frame| draw(frame, &state));
            }
        });
        Watcher { terminal, to: Some(to), drawing: Some(drawing) }
    }

    /// Puts the terminal right before the process ends at once.
    pub fn leave() {
        if OPEN.swap(false, Ordering::Relaxed) {
            let _ = execute!(std::io::stderr(), LeaveAlternateScreen, Show);
        }
    }

    fn say(&self, said: Said) {
        if let Some(to) = &self.to {
            let _ = to.send(said);
        }
    }

    /// Shows what is known of the step that runs.
    pub fn live(&self, live: StepSoFar) {
        self.say(Said::Live(live));
    }

    /// Shows a step that has ended.
    pub fn step(&self, step: &Step) {
        if self.to.is_none() {
            let _ = err(&format!("{}\n", super::line(step)));
        }
        self.say(Said::Step(Box::new(step.clone())));
    }

    /// Shows how busy the parts are.
    pub fn figures(&self, figures: Vec<Figure>) {
        self.say(Said::Figures(figures));
    }

    /// Says something where no screen is drawn.
    pub fn note(&self, text: &str) {
        if self.to.is_none() {
            let _ = err(&note(text, &self.terminal));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.to.take());
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
    }
}

/// The terminal's other screen. What is typed is not read, so Ctrl-C is a signal as always.
struct Screen {
    terminal: ratatui::Terminal<CrosstermBackend<Stderr>>,
}

impl Screen {
    fn open() -> Option<Screen> {
        let terminal = ratatui::Terminal::new(CrosstermBackend::new(std::io::stderr())).ok()?;
        OPEN.store(true, Ordering::Relaxed);
        let screen = Screen { terminal };
        execute!(std::io::stderr(), EnterAlternateScreen, Hide).ok()?;
        Some(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        Watcher::leave();
    }
}
