//! The tests of the plug-in, which are Python's.

use crate::support::aws::LocalAws;

#[test]
fn the_plug_in_passes_its_own_tests() {
    let python = &LocalAws::shared().python;
    let mut command = python.command().into_std();
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/localstack"));
    let output = command.args(["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let ran = said.lines().find_map(|l| l.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok());
    assert!(ran.is_some_and(|n| n > 20), "{said}");
}
