//! Counts for commands that do one thing to many objects, and sizes.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::style::Terminal;

/// A counter on a terminal; elsewhere only the summary says how many.
pub struct Tally {
    bar: ProgressBar,
}

impl Tally {
    /// Returns a counter for `whole` things to be `done` ("uploaded"). `terminal` is that of standard error.
    pub fn new(done: &str, whole: usize, terminal: &Terminal) -> Tally {
        let target = if terminal.interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(whole as u64), target);
        // A template that indicatif does not like is no reason to stop.
        if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(done.to_owned());
        Tally { bar }
    }

    /// Counts one more.
    pub fn one(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Returns a number of bytes for people: `532 B`, `1.4 MB`.
pub fn size(bytes: u64) -> String {
    let mut whole = bytes;
    let mut tenths = 0;
    for unit in ["B", "kB", "MB", "GB"] {
        if whole < 1000 {
            return if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") };
        }
        tenths = whole % 1000 / 100;
        whole /= 1000;
    }
    format!("{whole}.{tenths} TB")
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        assert_eq!(
            [0, 999, 1_000, 1_449_999, 5_000_000_000, 7_300_000_000_000].map(size),
            ["0 B", "999 B", "1.0 kB", "1.4 MB", "5.0 GB", "7.3 TB"]
        );
    }
}
