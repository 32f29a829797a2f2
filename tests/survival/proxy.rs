//! What stands between the program and its outside, and breaks: every byte to
//! the forge and to libvirt goes through here.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
};

/// How a way is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Everything gets through.
    Clear,
    /// Connections are cut, and new ones are cut at once.
    Cut,
    /// Nothing gets through, and nobody is told. What was said meanwhile is lost.
    Silent,
    /// Every piece comes so much later.
    Slow(Duration),
    /// What was asked arrives, half an answer comes back, and then it is cut.
    Half,
}

/// A way that can be cut.
#[derive(Clone)]
pub(crate) struct Way(Arc<watch::Sender<Weather>>);

impl Way {
    /// From a port of its own to this one.
    pub(crate) async fn to_port(port: u16) -> (Self, u16) {
        let way = Self(Arc::new(watch::Sender::new(Weather::Clear)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let weather = Arc::clone(&way.0);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let weather = weather.subscribe();
                tokio::spawn(async move {
                    if let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = (near.set_nodelay(true), far.set_nodelay(true));
                        pass(near, far, weather).await;
                    }
                });
            }
        });
        (way, own)
    }

    /// From a socket here to this one.
    pub(crate) fn to_socket(here: &Path, there: &Path) -> Self {
        let way = Self(Arc::new(watch::Sender::new(Weather::Clear)));
        let listener = UnixListener::bind(here).unwrap();
        let (weather, there) = (Arc::clone(&way.0), there.to_owned());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (weather, there) = (weather.subscribe(), there.clone());
                tokio::spawn(async move {
                    if let Ok(far) = UnixStream::connect(there).await {
                        pass(near, far, weather).await;
                    }
                });
            }
        });
        way
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.0.send_replace(weather);
    }
}

/// Carries both directions until one ends.
async fn pass<N, F>(near: N, far: F, weather: watch::Receiver<Weather>)
where
    N: AsyncRead + AsyncWrite,
    F: AsyncRead + AsyncWrite,
{
    let (from_near, to_near) = tokio::io::split(near);
    let (from_far, to_far) = tokio::io::split(far);
    tokio::select! {
        () = carry(from_near, to_far, weather.clone(), false) => {}
        () = carry(from_far, to_near, weather, true) => {}
    }
}

async fn carry<R, W>(mut from: R, mut to: W, mut weather: watch::Receiver<Weather>, answers: bool)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = weather.wait_for(|weather| *weather == Weather::Cut) => return,
        };
        let Ok(length @ 1..) = read else { return };
        let now = *weather.borrow();
        match now {
            Weather::Cut => return,
            Weather::Silent => {
                let _ = weather.wait_for(|weather| *weather != Weather::Silent).await;
                return;
            }
            Weather::Slow(delay) => tokio::time::sleep(delay).await,
            Weather::Half if answers => {
                let _ = to.write_all(&buffer[..length / 2]).await;
                return;
            }
            Weather::Clear | Weather::Half => {}
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// One address for all replicas, as a load balancer would give: each connection
/// goes to the next that listens.
pub(crate) async fn balance(ports: Vec<u16>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut near, _)) = listener.accept().await {
            turn += 1;
            let (ports, turn) = (ports.clone(), turn);
            tokio::spawn(async move {
                for offset in 0..ports.len() {
                    let port = ports[(turn + offset) % ports.len()];
                    if let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                        return;
                    }
                }
            });
        }
    });
    own
}
