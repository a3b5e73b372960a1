use std::io;
use std::net::Ipv4Addr;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::Failure;

/// A listening socket on the loopback interface. Each case says itself what its connections do.
pub(super) struct Server {
    listener: TcpListener,
    url: String,
}

impl Server {
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    /// The scheme and authority of this server, without a path.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Connects and closes at once.
    pub(super) async fn knock(&self) -> io::Result<()> {
        TcpStream::connect(self.listener.local_addr()?).await.map(drop)
    }

    pub(super) async fn accept(&self) -> io::Result<Connection> {
        let (socket, _) = self.listener.accept().await?;
        Ok(Connection { socket, unread: BytesMut::new() })
    }

    /// Accepts a connection and reads a request's head.
    pub(super) async fn accept_head(&self) -> Result<(Connection, Head), Failure> {
        let mut connection = self.accept().await?;
        let head = connection.read_head().await?;
        Ok((connection, head))
    }

    /// Accepts a connection and reads a whole request.
    pub(super) async fn accept_request(&self) -> Result<(Connection, Head, Vec<u8>), Failure> {
        let (mut connection, head) = self.accept_head().await?;
        let body = connection.read_body(&head).await?;
        Ok((connection, head, body))
    }

    /// Answers one request on a fresh connection, and closes it.
    pub(super) async fn answer_once(&self, answer: &[u8]) -> Result<(Head, Vec<u8>), Failure> {
        let (mut connection, head, body) = self.accept_request().await?;
        connection.write(answer).await?;
        connection.finish().await?;
        Ok((head, body))
    }
}

/// The first lines of a request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Gives the values of a header, in the order in which they arrived. `name` is in lower case.
    pub(super) fn values(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|header| header.0 == name).map(|header| header.1.as_slice()).collect()
    }

    /// Gives the values of a header as one readable text, for messages.
    pub(super) fn text(&self, name: &str) -> String {
        let values = self.values(name).into_iter().map(|value| value.escape_ascii().to_string());
        format!("{name}: [{}]", values.collect::<Vec<_>>().join(", "))
    }

    /// Requires that a header is there once and has this value.
    pub(super) fn expect(&self, name: &str, value: &str) -> Result<(), Failure> {
        if self.values(name) == [value.as_bytes()] {
            return Ok(());
        }
        Err(Failure::server(format!("{name}: [{value}]"), self.text(name)))
    }

    /// Requires that a header is not there.
    pub(super) fn expect_none(&self, name: &str) -> Result<(), Failure> {
        if self.values(name).is_empty() {
            return Ok(());
        }
        Err(Failure::server(format!("no {name}"), self.text(name)))
    }

    fn is_chunked(&self) -> bool {
        self.values("transfer-encoding").iter().any(|value| value.eq_ignore_ascii_case(b"chunked"))
    }

    fn content_length(&self) -> Result<usize, Failure> {
        let values = self.values("content-length");
        let Some(value) = values.first() else { return Ok(0) };
        let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        text.ok_or_else(|| Failure::server("content-length: [a number]", self.text("content-length")))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut lines =
            text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut request_line = std::str::from_utf8(lines.next()?).ok()?.split(' ');
        let (method, target) = (request_line.next()?.to_owned(), request_line.next()?.to_owned());
        let headers = lines.filter(|line| !line.is_empty()).map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).ok()?;
            Some((name, line[colon + 1..].trim_ascii().to_vec()))
        });
        Some(Self { method, target, headers: headers.collect::<Option<_>>()? })
    }
}

/// One accepted connection.
pub(super) struct Connection {
    socket: TcpStream,
    unread: BytesMut,
}

impl Connection {
    pub(super) async fn read_head(&mut self) -> Result<Head, Failure> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more("a request's head").await?;
        };
        let text = self.unread.split_to(end);
        Head::parse(&text)
            .ok_or_else(|| Failure::server("an HTTP/1.1 request", text.escape_ascii().to_string()))
    }

    pub(super) async fn read_body(&mut self, head: &Head) -> Result<Vec<u8>, Failure> {
        if !head.is_chunked() {
            return self.read_exactly(head.content_length()?).await;
        }
        let mut body = Vec::new();
        loop {
            let size = self.read_chunk_size().await?;
            body.extend_from_slice(&self.read_exactly(size).await?);
            self.read_exactly(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn read_chunk_size(&mut self) -> Result<usize, Failure> {
        let end = loop {
            if let Some(at) = self.unread.windows(2).position(|two| two == b"\r\n") {
                break at;
            }
            self.read_more("the size of a chunk").await?;
        };
        let line = self.unread.split_to(end + 2);
        let size =
            std::str::from_utf8(&line[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        size.ok_or_else(|| Failure::server("the size of a chunk", line.escape_ascii().to_string()))
    }

    /// Reads so many bytes of whatever the client sends.
    pub(super) async fn read_exactly(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.unread.len() < count {
            self.read_more("more of the request").await?;
        }
        Ok(self.unread.split_to(count).to_vec())
    }

    async fn read_more(&mut self, expected: &str) -> Result<(), Failure> {
        if self.socket.read_buf(&mut self.unread).await? == 0 {
            return Err(Failure::server(expected, "the end of the connection"));
        }
        Ok(())
    }

    /// Reads and counts without keeping anything; 0 is the end.
    pub(super) async fn skip(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            return self.socket.read(scratch).await;
        }
        let count = self.unread.len();
        self.unread.advance(count);
        Ok(count)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Waits until the client has closed the connection, and gives what it sent before.
    ///
    /// A reset closes the connection as well as an end does.
    pub(super) async fn closed(&mut self) -> Vec<u8> {
        while matches!(self.socket.read_buf(&mut self.unread).await, Ok(1..)) {}
        self.unread.split().to_vec()
    }

    /// Ends the connection in an orderly way: says that nothing more comes, and waits for the client to close.
    pub(super) async fn finish(mut self) -> io::Result<()> {
        self.socket.shutdown().await?;
        self.closed().await;
        Ok(())
    }

    /// Breaks the connection: the client gets a reset.
    pub(super) fn reset(self) -> io::Result<()> {
        self.socket.set_zero_linger()
    }
}
