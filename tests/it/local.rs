//! `stack local`: the AWS on this machine as a user starts and stops it.

use crate::support::aws::LocalAws;
use crate::support::run::{EVERYTHING, Place};
use crate::support::stacks::published;

/// A place with records of its own and the shared installation.
fn place() -> Place {
    let installed = stack::local::Places::of_user().unwrap().installed;
    LocalAws::shared(); // the installation is there now
    let mut place = Place::new();
    let cache = place.path().join("cache");
    std::fs::create_dir(&cache).unwrap();
    std::os::unix::fs::symlink(installed, cache.join("python")).unwrap();
    let cache = cache.display().to_string();
    place.set("STACK_CACHE_DIR", &cache);
    // Several servers one after another, each of which loads its services when they are first asked for.
    place.timeout = std::time::Duration::from_secs(600);
    place
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let place = place();
    let start = |place: &Place| place.stack(&["local", "start", "--port", "0", "--json"]).ok().json();
    let (one, two) = (start(&place), start(&place));
    let port = |server: &serde_json::Value| server["port"].to_string();
    assert_ne!(port(&one), port(&two));
    let text = std::fs::read_to_string(published("examples/smallest.yaml")).unwrap();
    place.file("s.yaml", &text);
    let at = |server: &serde_json::Value, arguments: &[&str]| {
        let port = port(server);
        let mut arguments = arguments.to_vec();
        arguments.extend(["--local", "--local-port", &port]);
        place.stack(&arguments)
    };
    at(&one, &["apply", "s.yaml", "--yes"]).ok();
    at(&one, &["plan", "s.yaml", "--detailed-exitcode"]).ok();
    at(&two, &["plan", "s.yaml", "--detailed-exitcode"]).exits(2);

    let status = place.stack(&["local", "status", "--port", &port(&one), "--json"]).ok().json();
    assert_eq!(status["running"], true);
    place.stack(&["local", "reset", "--port", &port(&one)]).ok();
    at(&one, &["plan", "s.yaml", "--detailed-exitcode"]).exits(2);
    for server in [&one, &two] {
        place.stack(&["local", "stop", "--port", &port(server)]).ok();
        place.stack(&["local", "status", "--port", &port(server)]).exits(1);
        assert!(std::net::TcpStream::connect(("127.0.0.1", server["port"].as_u64().unwrap() as u16)).is_err());
    }
}

#[test]
fn the_flag_starts_it_when_it_is_not_running() {
    let place = place();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let text = std::fs::read_to_string(published("examples/smallest.yaml")).unwrap();
    place.file("s.yaml", &text);
    place.stack(&["apply", "s.yaml", "--yes", "--local", "--local-port", &port]).ok();
    place.stack(&["destroy", "s.yaml", "--yes", EVERYTHING, "--local", "--local-port", &port]).ok();
    let stopped = place.stack(&["local", "stop", "--port", &port]).ok();
    assert_eq!(stopped.stdout, "Stopped.\n");
}

#[test]
fn unusable_python_says_what_to_install() {
    let mut place = Place::new();
    let cache = place.path().join("cache").display().to_string();
    place.set("STACK_CACHE_DIR", &cache);
    place.set("PATH", "/nonexistent");
    let output = place.stack(&["local", "start", "--port", "0", "--python", "/nonexistent/python"]).exits(1);
    assert!(output.stderr.contains("/nonexistent/python"), "{}", output.stderr);
}
