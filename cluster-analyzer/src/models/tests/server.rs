//! A small HTTP server on this machine that answers as a test wants.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The path.
    pub path: String,
    /// The first byte of the range, where one was asked for.
    pub from: Option<usize>,
}

/// A server; ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request with the bytes that `answer` gives for it, then closes the connection.
    pub fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (heard, ended) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                if let Some(request) = read(&mut stream) {
                    heard.lock().unwrap().push(request.clone());
                    // The client may have gone.
                    let _ = stream.write_all(&answer(&request));
                }
            }
        });
        Self { address, asked, stop, thread: Some(thread) }
    }

    /// An address on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap().to_ascii_lowercase();
    let path = text.split_whitespace().nth(1)?.to_owned();
    let range = text.lines().find_map(|line| line.strip_prefix("range: bytes="));
    Some(Asked { path, from: range.map(|range| range.trim_end_matches('-').parse().unwrap()) })
}

/// An answer with a status, headers and a body; its length is told as `length`.
pub fn answer(status: &str, headers: &str, body: &[u8], length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A whole file, or what is left of it from where it was asked for; at most `most` bytes of it come.
pub fn file(asked: &Asked, content: &[u8], most: usize) -> Vec<u8> {
    let from = asked.from.unwrap_or(0);
    let rest = &content[from..];
    let body = &rest[..most.min(rest.len())];
    match asked.from {
        None => answer("200 OK", "", body, rest.len()),
        Some(_) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
            answer("206 Partial Content", &range, body, rest.len())
        }
    }
}
