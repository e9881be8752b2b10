use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A server of one's own, which ends with the test.
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    process: Child,
}

impl Server {
    /// Starts one with more settings, as they stand on its command line: `--name`, `value`, …
    pub(crate) fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings: Vec<_> = settings.iter().map(ToString::to_string).collect();
        for _ in 0..5 {
            // Another process may take the port between the look and the start.
            let port = free_port();
            let mut process = launch(&folder, port, &settings);
            if wait_until_it_listens(&mut process, port) {
                return Self { folder, port, settings, process };
            }
        }
        panic!("redis-server does not start; on Debian and Ubuntu: sudo apt-get install redis-server");
    }

    /// How to reach it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As the power does. What it held is gone.
    pub(crate) fn kill(&mut self) {
        // `Child::kill` is SIGKILL.
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            self.process = launch(&self.folder, self.port, &self.settings);
            if wait_until_it_listens(&mut self.process, self.port) {
                return;
            }
            assert!(Instant::now() < until, "port {} stays taken", self.port);
        }
    }

    /// It keeps its connections, takes new ones, and says nothing on them.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Ends that.
    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status();
        assert!(status.expect("kill is there").success());
    }

    /// Sends a command as text, past the adapter, and returns the first of the answer.
    pub(crate) fn say(&self, command: &str) -> String {
        say(self.port, command)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port that nothing listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

fn launch(folder: &TempDir, port: u16, settings: &[String]) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
        ])
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("no redis-server; on Debian and Ubuntu: sudo apt-get install redis-server")
}

fn wait_until_it_listens(process: &mut Child, port: u16) -> bool {
    loop {
        if process.try_wait().expect("it can be asked").is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn say(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "{command}\r\n").expect("sent");
    let mut answer = [0; 4_096];
    let length = stream.read(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
