//! A person at the forge: acts and looks through its API, with a token of
//! their own and a client that has nothing to do with Innkeeper's.

use anyhow::Context as _;
use reqwest::{Client, Method};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::app::practice::{PROJECT, token};

/// Somebody with an account.
pub(super) struct Person {
    client: Client,
    project: String,
    token: String,
}

/// An issue as the API shows it.
#[derive(Debug, Deserialize)]
pub(super) struct IssueView {
    iid: u64,
    pub(super) state: String,
    pub(super) labels: Vec<String>,
    pub(super) due_date: Option<String>,
}

/// A comment as the API shows it.
#[derive(Debug)]
pub(super) struct NoteView {
    pub(super) author: String,
    pub(super) body: String,
}

impl Person {
    pub(super) fn new(base: &str, user: u64) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(std::time::Duration::from_secs(10)).build()?;
        let project = format!("{base}/api/v4/projects/{PROJECT}");
        Ok(Self { client, project, token: token(user) })
    }

    pub(super) async fn file(&self, title: &str, description: &str) -> anyhow::Result<u64> {
        let body = json!({ "title": title, "description": description });
        let issue: IssueView = self.call(Method::POST, "issues", Some(body)).await?;
        Ok(issue.iid)
    }

    pub(super) async fn describe(&self, issue: u64, description: &str) -> anyhow::Result<()> {
        let body = json!({ "description": description });
        let _: IssueView = self.call(Method::PUT, &format!("issues/{issue}"), Some(body)).await?;
        Ok(())
    }

    pub(super) async fn comment(&self, issue: u64, text: &str) -> anyhow::Result<()> {
        let body = json!({ "body": text });
        let _: Value =
            self.call(Method::POST, &format!("issues/{issue}/notes"), Some(body)).await?;
        Ok(())
    }

    pub(super) async fn issue(&self, issue: u64) -> anyhow::Result<IssueView> {
        self.call(Method::GET, &format!("issues/{issue}"), None).await
    }

    /// All comments, oldest first, without the forge's own messages.
    pub(super) async fn notes(&self, issue: u64) -> anyhow::Result<Vec<NoteView>> {
        #[derive(Deserialize)]
        struct Note {
            body: String,
            author: Author,
            system: bool,
        }
        #[derive(Deserialize)]
        struct Author {
            username: String,
        }
        let path = format!("issues/{issue}/notes?sort=asc&order_by=created_at&per_page=100");
        let notes: Vec<Note> = self.call(Method::GET, &path, None).await?;
        let people = notes.into_iter().filter(|note| !note.system);
        Ok(people.map(|note| NoteView { author: note.author.username, body: note.body }).collect())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<T> {
        let what = format!("{method} {path}");
        let mut request = self
            .client
            .request(method, format!("{}/{path}", self.project))
            .header("PRIVATE-TOKEN", &self.token);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.with_context(|| what.clone())?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(status.is_success(), "{what} was answered with {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{what} was answered with {text}"))
    }
}
