//! Hearing of work that other replicas have made.

use std::{convert::Infallible, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::{Server, dialect::CHANNEL, postgres};

/// How long to wait before asking a server again that is away.
const REST: Duration = Duration::from_secs(5);

/// Calls `wake` whenever a replica has committed something that makes work, and
/// after each time the connection was lost. Goes on until it is dropped.
///
/// It saves waiting for the next poll and nothing else: what is not heard is
/// found by polling.
pub async fn listen(server: &Server, wake: impl Fn()) -> Infallible {
    let mut heard = true;
    loop {
        let Err(error) = hear(server, &wake, &mut heard).await;
        // Once for each time it goes away.
        if std::mem::take(&mut heard) {
            tracing::warn!(%error, "PostgreSQL cannot be listened to; new work is found by polling");
        }
        tokio::time::sleep(REST).await;
    }
}

async fn hear(
    server: &Server,
    wake: &impl Fn(),
    heard: &mut bool,
) -> Result<Infallible, sqlx::Error> {
    let options: PgConnectOptions = postgres::native(server)?;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(postgres::PATIENCE)
        .connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        *heard = true;
        wake();
        // `None` is a connection that was lost and will be made anew.
        while listener.try_recv().await?.is_some() {
            wake();
        }
    }
}
