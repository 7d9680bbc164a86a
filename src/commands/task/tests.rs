use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_exit_code_is_the_commands_own() {
    let ended = |exit_code, cut_short| Task { exit_code, cut_short, ..Task::default() };
    let late = Cut::Late(config::Duration::secs(5));
    assert_eq!(End::of(&ended(Some(0), false), None), End::Code(0));
    assert_eq!(End::of(&ended(Some(3), false), None), End::Code(3));
    assert_eq!(End::of(&ended(Some(-1), false), None), End::Code(1), "no exit code of a process");
    assert_eq!(End::of(&ended(Some(143), true), None), End::Failed);
    assert_eq!(End::of(&ended(Some(0), true), None), End::Failed, "stopped by someone else is not the end");
    assert_eq!(End::of(&ended(None, false), None), End::Failed);
    assert_eq!(End::of(&ended(Some(0), true), Some(Cut::Interrupted)), End::Cut(Cut::Interrupted));
    assert_eq!(End::of(&ended(Some(0), true), Some(late)), End::Cut(late));
}

#[test]
fn a_command_is_needed_and_secrets_are_refused() {
    let said = |given: &[&str]| match check_command(&words(given)) {
        Err(Stop::Message(Exit::Usage, text, _)) => text,
        other => format!("{other:?}"),
    };
    assert_eq!(said(&[]), "COMMAND is missing");
    assert!(said(&["psql", "postgres://anna:hunter2@db.example.com/shop"]).contains("contains a secret"));
    assert!(!said(&["serve", "--password", "hunter2"]).contains("hunter2"));
    assert_eq!(said(&["sh", "-c", "echo one; exit 3"]), "Ok(())");
    assert_eq!(said(&["rake", "db:migrate", "VERSION=20260101"]), "Ok(())");
}

#[test]
fn keys_of_the_file_become_options() {
    let near = config::validate::fargate_pair(256, 4096).unwrap_err();
    let told = as_options(&near);
    assert!(told.contains("`--cpu 256` with `--memory 2048`") && !told.contains("`cpu"), "{told}");
}

#[test]
fn logs_are_shown_raw_but_escaped_on_a_terminal() {
    assert_eq!(shown("a\tb\u{1b}[2J", false), "a\tb\u{1b}[2J\n");
    assert_eq!(shown("a\tb\u{1b}[2J\n", true), "a    b\\u{1b}[2J\n");
}

#[test]
fn a_command_can_be_typed_again() {
    assert_eq!(typed(&words(&["sh", "-c", "echo 'one' two", ""])), r"sh -c 'echo '\''one'\'' two' ''");
    assert_eq!(typed(&words(&["rake", "db:migrate"])), "rake db:migrate");
}
