//! As much of HTTP/1.1 as a proxy on loopback needs.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Asks the server on `port` of this machine, on a connection of its own.
pub async fn forward(port: u16, head: &Head, body: &[u8]) -> std::io::Result<(Head, Vec<u8>)> {
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut request = head.clone();
    request.remove("expect");
    request.remove("transfer-encoding");
    request.set("Connection", "close");
    if !body.is_empty() || head.value("content-length").is_some() {
        request.set("Content-Length", &body.len().to_string());
    }
    server.get_mut().write_all(&[&request.bytes(), body].concat()).await?;
    let mut answer = Head::read(&mut server).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    while answer.status() == 100 {
        answer = Head::read(&mut server).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    }
    let none = head.method() == "HEAD" || matches!(answer.status(), 204 | 304);
    let body = if none { Vec::new() } else { answer.body(&mut server, true).await? };
    for field in ["transfer-encoding", "connection", "keep-alive"] {
        answer.remove(field);
    }
    Ok((answer, body))
}

/// The start of a message.
#[derive(Clone)]
pub struct Head {
    /// `GET / HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub start: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// `None` when the connection ended between messages.
    pub async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Head>> {
        let mut start = String::new();
        if stream.read_line(&mut start).await? == 0 {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => fields.push((name.to_owned(), value.trim().to_owned())),
                None => return Ok(Some(Head { start: start.trim_end().to_owned(), fields })),
            }
        }
    }

    pub async fn body(&self, stream: &mut BufReader<TcpStream>, until_end: bool) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.value("transfer-encoding").is_some_and(|value| value.to_lowercase().contains("chunked")) {
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
                let begun = body.len();
                body.resize(begun + size, 0);
                stream.read_exact(&mut body[begun..]).await?;
                line.clear();
                // The line's end after a chunk; after the last one, what trails it.
                while stream.read_line(&mut line).await? > 2 && size == 0 {
                    line.clear();
                }
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match self.value("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => {
                body.resize(length, 0);
                stream.read_exact(&mut body).await?;
            }
            None if until_end => drop(stream.read_to_end(&mut body).await?),
            None => {}
        }
        Ok(body)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    pub fn bytes(&self) -> Vec<u8> {
        let fields: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{fields}\r\n", self.start).into_bytes()
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }
}
