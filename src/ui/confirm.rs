//! Questions that need a typed answer. What is asked, and when, is up to the commands.

use std::io::{self, BufRead, IsTerminal, Write};

use super::style::clean;
use crate::engine::{Class, Error, Result};

/// Asks on the terminal. Only a typed `yes` is a yes. Nothing, `n`, `no` and the end of the input are a no; anything else is asked once
/// more.
///
/// # Errors
/// When standard input is not a terminal, or cannot be read.
pub fn confirm(question: &str) -> Result<bool> {
    answered(question, "yes")
}

/// Asks for what nobody should confirm by habit: only typing `name` is a yes.
///
/// # Errors
/// When standard input is not a terminal, or cannot be read.
pub fn confirm_by(question: &str, name: &str) -> Result<bool> {
    answered(question, name)
}

fn answered(question: &str, wanted: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(
            Class::Invalid,
            "nothing was changed: cannot ask for confirmation, standard input is not a terminal",
        )
        .hint("run the same command with `--yes`"));
    }
    ask(&mut io::stdin().lock(), &mut io::stderr().lock(), question, wanted)
        .map_err(|e| Error::new(Class::Other, format!("cannot read the answer: {e}")))
}

fn ask(from: &mut dyn BufRead, to: &mut dyn Write, question: &str, wanted: &str) -> io::Result<bool> {
    let prompt = format!("Type `{}` to continue: ", clean(wanted));
    let mut said = question.to_owned();
    // A `y` is no clear no: it is asked once more.
    for _ in 0..2 {
        write!(to, "{said} {prompt}")?;
        to.flush()?;
        let mut answer = String::new();
        if from.read_line(&mut answer)? == 0 {
            writeln!(to)?;
        }
        match answer.trim() {
            answer if answer == wanted => return Ok(true),
            "" | "n" | "no" => break,
            _ => said = format!("Only `{}` is accepted.", clean(wanted)),
        }
    }
    Ok(false)
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
        assert_eq!(answer("yes\n"), (true, "Apply this plan? Type `yes` to continue: ".into()));
        let again = "Apply this plan? Type `yes` to continue: Only `yes` is accepted. Type `yes` to continue: ";
        assert_eq!(answer("y\nyes\n"), (true, again.into()));
        for no in ["", "\n", "y\n", "YES\n", "no\n", "yes please\n", "no\nyes\n", "y\ny\nyes\n"] {
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
