//! A question.

use std::io::{self, BufRead, IsTerminal, Write};

use super::style::clean;
use crate::engine::{Class, Error, Result};

/// Asks on the terminal. Only a typed `yes` is a yes; everything else, and the end of the input, is a no.
///
/// # Errors
/// When nobody is there to answer: standard input is not a terminal.
pub fn confirm(question: &str) -> Result<bool> {
    answered(question, "yes")
}

/// The same for what is not to be agreed to by habit: only `name` is a yes.
///
/// # Errors
/// When nobody is there to answer.
pub fn confirm_by(question: &str, name: &str) -> Result<bool> {
    answered(question, name)
}

fn answered(question: &str, wanted: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(Class::Invalid, format!("this needs a `{wanted}`, and standard input is not a terminal"))
            .hint("look at the plan, then run the same command with `--yes`"));
    }
    ask(&mut io::stdin().lock(), &mut io::stderr().lock(), question, wanted)
        .map_err(|e| Error::new(Class::Other, format!("the answer cannot be read: {e}")))
}

fn ask(from: &mut dyn BufRead, to: &mut dyn Write, question: &str, wanted: &str) -> io::Result<bool> {
    write!(to, "{question} Type `{}` to go on: ", clean(wanted))?;
    to.flush()?;
    let mut answer = String::new();
    if from.read_line(&mut answer)? == 0 {
        writeln!(to)?;
    }
    Ok(answer.trim() == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> (bool, String) {
        let mut shown = Vec::new();
        let yes = ask(&mut text.as_bytes(), &mut shown, "Apply this plan?", "yes").unwrap();
        (yes, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn only_yes_is_yes() {
        assert_eq!(answer("yes\n"), (true, "Apply this plan? Type `yes` to go on: ".into()));
        for no in ["", "\n", "y\n", "YES\n", "no\n", "yes please\n"] {
            assert!(!answer(no).0, "{no:?}");
        }
    }

    #[test]
    fn an_environment_goes_by_its_name_only() {
        let by_name = |text: &str| ask(&mut text.as_bytes(), &mut Vec::new(), "All of it?", "web/staging").unwrap();
        assert!(by_name("web/staging\n"));
        for no in ["yes\n", "web\n", "web/production\n", ""] {
            assert!(!by_name(no), "{no:?}");
        }
    }
}
