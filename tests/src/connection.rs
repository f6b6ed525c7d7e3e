//! A raw HTTP connection that sends requests byte for byte as a test writes them.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A kept-alive connection that sends bytes unchanged.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

/// An HTTP response.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers' names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects to the host of an `http` URL.
    pub async fn open(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Sends a `GET` request with this value of `Authorization`.
    pub async fn get(&mut self, target: &str, authorization: Option<&[u8]>) -> Answer {
        self.try_get(target, authorization).await.unwrap()
    }

    /// Like [`Self::get`], for a server that may close the connection instead.
    ///
    /// # Errors
    /// The connection was closed before the response was complete.
    pub async fn try_get(&mut self, target: &str, authorization: Option<&[u8]>) -> io::Result<Answer> {
        let mut request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n").into_bytes();
        if let Some(authorization) = authorization {
            request.extend([b"authorization: ", authorization, b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        self.try_send(&request).await
    }

    /// Sends these bytes and reads one response.
    pub async fn send(&mut self, request: &[u8]) -> Answer {
        self.try_send(request).await.unwrap()
    }

    async fn try_send(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.0.get_mut().write_all(request).await?;
        let status_line = self.line().await?;
        if status_line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let status = status_line.split(' ').nth(1).unwrap_or_else(|| panic!("{status_line:?}"));
        let (status, mut headers) = (status.parse().unwrap(), Vec::new());
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
        self.0.read_exact(&mut body).await?;
        Ok(Answer { status, headers, body })
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }
}

impl Answer {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Whether the server closes the connection after this response.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}
