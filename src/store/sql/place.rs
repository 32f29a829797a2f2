//! Where a store is.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Where a store is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In an `SQLite` file.
    File(PathBuf),
    /// On a `PostgreSQL` server.
    Server(Server),
}

/// A database on a `PostgreSQL` server.
#[derive(Clone, Debug)]
pub struct Server {
    url: Url,
    password: Option<SecretString>,
}

impl Server {
    /// The database at this address, e.g.
    /// `postgres://innkeeper@db.example.org/innkeeper?sslmode=verify-full`, which
    /// holds no password.
    #[must_use]
    pub fn new(url: Url, password: Option<SecretString>) -> Self {
        Self { url, password }
    }

    /// The address for the driver, with everything in it. Not to be shown.
    pub(super) fn secret_url(&self, settings: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(settings);
        if let Some(password) = &self.password {
            // Not before the host: an address of a socket has none.
            url.query_pairs_mut().append_pair("password", password.expose_secret());
        }
        url
    }
}

impl fmt::Display for Server {
    /// Without the parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        url.set_query(None);
        let _ = url.set_password(None);
        url.fmt(f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl<P: AsRef<Path>> From<P> for Place {
    fn from(path: P) -> Self {
        Self::File(path.as_ref().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::{Place, Server};

    #[test]
    fn a_password_is_for_the_driver_alone() {
        for (url, shown) in [
            ("postgres://a@db:5433/b?sslmode=verify-full", "postgres://a@db:5433/b"),
            ("postgres:///b?host=/run/postgresql", "postgres:///b"),
        ] {
            let password = "p&ss w\u{f6}rd?#%/@:to-be-hidden";
            let server = Server::new(url.parse().unwrap(), Some(SecretString::from(password)));
            let address = server.secret_url(&[("application_name", "innkeeper")]);
            let told: Vec<_> = address.query_pairs().map(|(_, value)| value).collect();
            assert_eq!(told.last().unwrap(), password);
            let place = Place::Server(server);
            assert_eq!(place.to_string(), shown);
            assert!(!format!("{place:?}").contains("hidden"), "{place:?}");
        }
    }
}
