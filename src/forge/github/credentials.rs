//! What we sign in with: a token, or a GitHub App's key, which buys tokens
//! that last an hour for each account that installed the App.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use http::{HeaderValue, Method};
use octocrab::jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{
    SettingsError,
    client::Client,
    entities::{Installation, InstallationToken},
    pages,
    transport::{Outgoing, TransportError},
};
use crate::identity::{ProjectId, Timestamp};

/// GitHub accepts ten minutes at most, and refuses what seems to be signed in
/// its future.
const SIGNED_FOR: TimeDelta = TimeDelta::minutes(9);
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::minutes(1);

/// A token is not used for what may take until after its end.
const SPARE: TimeDelta = TimeDelta::minutes(5);

/// What we sign in with.
#[derive(Debug)]
pub enum Credentials {
    /// A personal access token, classic or fine-grained.
    Token(SecretString),
    /// A GitHub App.
    App {
        /// Its number.
        id: u64,
        /// Its private key (PEM, RSA).
        key_pem: SecretString,
    },
}

/// In whose name something is asked, when we are an App.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whom<'a> {
    /// The App itself.
    App,
    /// Its installation for this repository.
    Repository(ProjectId),
    /// Its installation for this organisation, or any.
    Owner(&'a str),
    /// Any installation.
    Anyone,
}

pub(super) enum Signer {
    Token(HeaderValue),
    App(Box<App>),
}

impl Signer {
    pub(super) fn new(credentials: Credentials) -> Result<Self, SettingsError> {
        match credentials {
            Credentials::Token(token) => {
                Ok(Self::Token(bearer(token.expose_secret().trim()).ok_or(SettingsError::Token)?))
            }
            Credentials::App { id, key_pem } => {
                let key = EncodingKey::from_rsa_pem(key_pem.expose_secret().as_bytes())
                    .map_err(|_| SettingsError::Key)?;
                Ok(Self::App(Box::new(App { id, key, known: Mutex::default() })))
            }
        }
    }

    /// The App, if we are one.
    pub(super) fn app(&self) -> Option<&App> {
        match self {
            Self::Token(_) => None,
            Self::App(app) => Some(app),
        }
    }
}

/// A GitHub App, and what it knows of its installations.
pub(super) struct App {
    id: u64,
    key: EncodingKey,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_repository: BTreeMap<String, u64>,
    by_owner: BTreeMap<String, u64>,
    tokens: BTreeMap<u64, Minted>,
}

struct Minted {
    bearer: HeaderValue,
    until: Timestamp,
}

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: u64,
}

impl App {
    /// Proves for some minutes that we are the App.
    pub(super) fn signed(&self, now: Timestamp) -> Result<HeaderValue, TransportError> {
        let claims = Claims {
            iat: (now - CLOCKS_DIFFER_BY).timestamp(),
            exp: (now + SIGNED_FOR).timestamp(),
            iss: self.id,
        };
        let signed = encode(&Header::new(Algorithm::RS256), &claims, &self.key)
            .map_err(|error| TransportError::Key(error.into()))?;
        bearer(&signed).ok_or_else(|| TransportError::Key("it makes no header".into()))
    }

    /// What to show when asking in the name of `whom`.
    pub(super) async fn bearer(
        &self,
        client: &Client,
        whom: Whom<'_>,
    ) -> Result<HeaderValue, TransportError> {
        let installation = match whom {
            Whom::App => return self.signed(client.now()),
            Whom::Repository(project) => match client.names().known(project) {
                Some(name) => self.installed_for(client, &name).await?,
                None => self.any(client).await?,
            },
            Whom::Owner(owner) => self.installed_by(client, owner).await?,
            Whom::Anyone => self.any(client).await?,
        };
        self.token(client, installation).await
    }

    /// Begins anew: a token was revoked, or an installation is another.
    pub(super) fn forget(&self) {
        *self.known() = Known::default();
    }

    async fn any(&self, client: &Client) -> Result<u64, TransportError> {
        if let Some(name) = client.names().any() {
            match self.installed_for(client, &name).await {
                Err(TransportError::NotInstalled(_)) => {}
                found => return found,
            }
        }
        self.installed_by(client, "").await
    }

    async fn installed_for(&self, client: &Client, name: &str) -> Result<u64, TransportError> {
        let key = name.to_ascii_lowercase();
        if let Some(known) = self.known().by_repository.get(&key) {
            return Ok(*known);
        }
        let installation = self.installation(client, name).await?;
        self.known().by_repository.insert(key, installation.id);
        Ok(installation.id)
    }

    /// The App's installation for a repository, as it is now.
    pub(super) async fn installation(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<Installation, TransportError> {
        let (owner, repository) = name.split_once('/').unwrap_or((name, ""));
        let url = client.url(&["repos", owner, repository, "installation"])?;
        let signed = self.signed(client.now())?;
        match client.follow(Outgoing::get(url), &signed, None).await {
            Ok(answer) => answer.json(),
            Err(error) if error.is_missing() => Err(TransportError::NotInstalled(name.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// The installation of an account; any when it has none.
    async fn installed_by(&self, client: &Client, owner: &str) -> Result<u64, TransportError> {
        let key = owner.to_ascii_lowercase();
        if let Some(known) = self.known().by_owner.get(&key) {
            return Ok(*known);
        }
        let url = client.url(&["app", "installations"])?;
        let signed = self.signed(client.now())?;
        let mut list: Vec<Installation> = Vec::new();
        for page in pages::all(client, &signed, None, url).await? {
            list.append(&mut page.json()?);
        }
        let by = |installation: &&Installation| installation.is_of(owner);
        let found = list.iter().find(by).or(list.first());
        let id = found.ok_or_else(|| TransportError::NotInstalled(owner.to_owned()))?.id;
        self.known().by_owner.insert(key, id);
        Ok(id)
    }

    async fn token(
        &self,
        client: &Client,
        installation: u64,
    ) -> Result<HeaderValue, TransportError> {
        if let Some(minted) = self.known().tokens.get(&installation)
            && minted.until - SPARE > client.now()
        {
            return Ok(minted.bearer.clone());
        }
        let id = installation.to_string();
        let url = client.url(&["app", "installations", &id, "access_tokens"])?;
        let signed = self.signed(client.now())?;
        let answer = client.once(Outgoing::send(Method::POST, url, None), &signed).await;
        let answer = answer.map_err(|error| {
            if error.is_missing() {
                // Removed, and perhaps installed again under another number.
                self.forget();
                return TransportError::StaleToken;
            }
            error
        })?;
        let token: InstallationToken = answer.json()?;
        let bearer = bearer(token.token.expose_secret())
            .ok_or_else(|| TransportError::Key("the token makes no header".into()))?;
        let minted = Minted { bearer: bearer.clone(), until: token.expires_at };
        self.known().tokens.insert(installation, minted);
        Ok(bearer)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never shown by `Debug`.
fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    (!token.is_empty()).then_some(value)
}
