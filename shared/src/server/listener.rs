//! From the operating system's queue of connections to ours.

use std::io;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to wait before accepting again after running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The most connections that wait in the operating system's queue: what tokio asks for.
const BACKLOG: usize = 1024;

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return without_delay(stream),
            Err(error) if is_about_one_connection(&error) => (),
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Closes the listener and returns the connections that nobody has accepted yet.
///
/// Closing it alone would reset them: they are established for their peers, who may have sent a request already.
pub(super) fn close(listener: TcpListener) -> Vec<TcpStream> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    refuse_more(&listener);
    let accept = || loop {
        match listener.accept() {
            Ok((stream, _)) => break Some(stream),
            Err(error) if is_about_one_connection(&error) => (),
            Err(_) => break None,
        }
    };
    std::iter::from_fn(accept)
        .take(BACKLOG)
        .filter_map(|stream| stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)).ok())
        .map(without_delay)
        .collect()
}

/// Keeps connections from being established between the last look at the queue and the listener's end.
///
/// Their packets are dropped, and sent again when nobody listens any more: then the connection is refused, which a
/// client may always try elsewhere, rather than reset.
#[cfg(target_os = "linux")]
fn refuse_more(listener: &std::net::TcpListener) {
    use socket2::{SockFilter, SockRef};
    // `ret #0`: nothing of any packet is let through.
    const NOTHING: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
    // Where the system knows no such filters, a moment remains in which connections are reset.
    let _ = SockRef::from(listener).attach_filter(&NOTHING);
}

#[cfg(not(target_os = "linux"))]
fn refuse_more(_: &std::net::TcpListener) {}

/// Answers are small; waiting to fill a packet only adds latency.
fn without_delay(stream: TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
