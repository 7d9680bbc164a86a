//! Processes of this machine: their command lines, how much memory they take, which of them holds a port.

use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};

/// Returns the command line of a running process; `None` when it does not exist, or has ended and waits to be reaped.
pub(super) async fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words: Vec<_> = bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word)).collect();
        return Some(words.join(" ").trim().to_owned()).filter(|line| !line.is_empty());
    }
    ask("ps", &["-ww", "-o", "command=", "-p", &pid.to_string()]).await
}

/// Returns how many bytes of memory a process takes.
pub(super) async fn memory(pid: u32) -> Option<u64> {
    let kibibytes = match std::fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(status) => status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().trim_end_matches(" kB").to_owned(),
        Err(_) => ask("ps", &["-o", "rss=", "-p", &pid.to_string()]).await?,
    };
    kibibytes.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// Returns the process that listens on a TCP port, in words, where that can be found out.
pub(super) async fn listener(port: u16) -> Option<String> {
    let pid = match std::fs::read_to_string("/proc/net/tcp") {
        Ok(table) => owner(&[table, std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default()].concat(), port)?,
        Err(_) => {
            let answer = ask("lsof", &["-nP", "-t", &format!("-iTCP:{port}"), "-sTCP:LISTEN"]).await?;
            answer.lines().next()?.parse().ok()?
        }
    };
    let command: String = command_line(pid).await?.chars().take(100).collect();
    Some(format!("process {pid} (`{command}`)"))
}

/// Returns the process that listens, on Linux: from the kernel's table to a socket's inode to the process that has it open.
fn owner(table: &str, port: u16) -> Option<u32> {
    let inode = listening_inode(table, port)?;
    let socket = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == socket.as_str()))
    })
}

fn listening_inode(table: &str, port: u16) -> Option<&str> {
    let local = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(1)?.ends_with(&local) && *fields.get(3)? == "0A").then(|| fields.get(9).copied())?
    })
}

/// Signals a process and those it started. Only for a process that is known to be the stack's server and to lead its group.
pub(super) fn signal(pid: u32, signal: Signal) {
    // That it is gone already is what was wanted.
    if let Some(group) = i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw) {
        let _ = kill_process_group(group, signal);
    }
}

async fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output =
        tokio::process::Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().await.ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_process() {
        let me = std::process::id();
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(command_line(me).await.unwrap().contains(&name));
        assert!(memory(me).await.unwrap() > 1 << 20);
        assert_eq!(command_line(u32::MAX - 1).await, None);
    }

    #[tokio::test]
    async fn who_listens() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(listener(port).await.unwrap().contains(&format!("process {} ", std::process::id())));
        drop(socket);
        // A process that another test begins has it too, from when it is forked until it is another program.
        let gone = async { while listener(port).await.is_some() {} };
        tokio::time::timeout(std::time::Duration::from_secs(20), gone).await.unwrap();
    }
}
