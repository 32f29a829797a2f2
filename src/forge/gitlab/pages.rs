//! Reading lists to their end.
//!
//! Pages are counted, by number or by the address of the next one; totals are
//! never needed, which GitLab leaves out above 10 000 rows. Lists by key would
//! be steadier while things change, but notes, members and emoji have none, and
//! issues only in the latest versions. What a poll might miss by counting,
//! `poll.rs` prevents; the other lists are of things that only grow at the end.
//!
//! The crate's pagination stops at the first page that is not full. GitLab
//! drops what we may not see *after* cutting a page, so a short page does not
//! mean the end: only the headers say whether there is another one.

use gitlab::api::{ApiError, AsyncClient, Endpoint, RestClient};
use http::{HeaderMap, Request, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::transport::{Transport, TransportError, same_origin};
use crate::forge::http::next_link;

/// The most GitLab serves at once.
const PER_PAGE: &str = "100";

/// A list of 50 000 items is not one we asked for.
const MOST_PAGES: usize = 500;

/// One page, and where the next one is.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<Url>,
}

/// Every item of a list.
pub(super) async fn all<T: DeserializeOwned>(
    transport: &Transport,
    endpoint: &(impl Endpoint + Sync),
) -> Result<Vec<T>, ApiError<TransportError>> {
    let mut page: Page<T> = get(transport, first(transport, endpoint)?).await?;
    let mut items = page.items;
    for _ in 1..MOST_PAGES {
        let Some(next) = page.next else { return Ok(items) };
        page = get(transport, next).await?;
        items.append(&mut page.items);
    }
    Err(ApiError::client(TransportError::TooLarge))
}

/// Where a list begins.
pub(super) fn first(
    transport: &Transport,
    endpoint: &(impl Endpoint + Sync),
) -> Result<Url, ApiError<TransportError>> {
    let mut url = transport.rest_endpoint(&endpoint.endpoint())?;
    endpoint.parameters().add_to_url(&mut url);
    url.query_pairs_mut().append_pair("per_page", PER_PAGE).append_pair("page", "1");
    Ok(url)
}

/// One page of a list.
pub(super) async fn get<T: DeserializeOwned>(
    transport: &Transport,
    url: Url,
) -> Result<Page<T>, ApiError<TransportError>> {
    let request = Request::get(url.as_str());
    let answer = transport.rest_async(request, Vec::new()).await?;
    let items = serde_json::from_slice(answer.body())?;
    let next = next(&url, answer.headers()).map_err(ApiError::client)?;
    Ok(Page { items, next })
}

/// The number in `X-Next-Page` is preferred to the address in `Link`: it cannot
/// lead away, and a GitLab behind a proxy often gets its own address wrong.
fn next(current: &Url, headers: &HeaderMap) -> Result<Option<Url>, TransportError> {
    if let Some(number) = headers.get("x-next-page") {
        let number = number.to_str().ok().and_then(|text| text.parse::<u64>().ok());
        return Ok(number.map(|number| with_page(current, number)));
    }
    let link = next_link(current, headers);
    link.map(|target| same_origin(current, target, StatusCode::OK)).transpose()
}

fn with_page(current: &Url, number: u64) -> Url {
    let others: Vec<_> =
        current.query_pairs().into_owned().filter(|(name, _)| name != "page").collect();
    let mut url = current.clone();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("page", &number.to_string());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_from(name: &'static str, value: &str) -> Result<Option<String>, TransportError> {
        let current = Url::parse("https://git.example/api/v4/x?sort=asc&per_page=100&page=1");
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Ok(next(&current.unwrap(), &headers)?.map(String::from))
    }

    #[test]
    fn the_next_page_is_numbered_or_linked_and_never_elsewhere() {
        assert_eq!(
            next_from("x-next-page", "2").unwrap().unwrap(),
            "https://git.example/api/v4/x?sort=asc&per_page=100&page=2"
        );
        assert_eq!(next_from("x-next-page", "").unwrap(), None);
        let links = "<https://git.example/a?page=1,2>; rel=\"prev\", \
                     <https://git.example/b?x=1>; rel=\"next\", <https://git.example/c>; rel=\"last\"";
        assert_eq!(next_from("link", links).unwrap().unwrap(), "https://git.example/b?x=1");
        assert_eq!(next_from("link", "<https://git.example/c>; rel=\"last\"").unwrap(), None);
        for target in [
            "https://evil.example/b",
            "http://git.example/b",
            "https://git.example:8443/b",
            "https://me:pw@git.example/b",
            "https://git.example.evil.example/b",
            "//evil.example/b",
            "https:\\\\evil.example/b",
            "file:///etc/passwd",
        ] {
            let link = format!("<{target}>; rel=\"next\"");
            assert!(next_from("link", &link).is_err(), "{target}");
        }
        for (target, url) in [
            ("/api/v4/y?page=2", "https://git.example/api/v4/y?page=2"),
            ("?page=2", "https://git.example/api/v4/x?page=2"),
            ("https://git.example:443/b", "https://git.example/b"),
            ("https://GIT.example/b", "https://git.example/b"),
        ] {
            let link = format!("<{target}>; rel=next");
            assert_eq!(next_from("link", &link).unwrap().unwrap(), url);
        }
        for link in ["", "nonsense", "<", "<x", "<http://[>; rel=\"next\"", "<>; rel=\"prev\""] {
            assert_eq!(next_from("link", link).unwrap(), None, "{link}");
        }
    }

    #[test]
    fn the_number_counts_whatever_address_stands_beside_it() {
        let current = Url::parse("https://git.example/api/v4/x?page=1").unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("link", "<http://inside:8080/x?page=2>; rel=\"next\"".parse().unwrap());
        assert!(next(&current, &headers).is_err());
        for (number, expected) in [
            ("2", Some("https://git.example/api/v4/x?page=2")),
            ("", None),
            ("two", None),
            ("-1", None),
        ] {
            headers.insert("x-next-page", number.parse().unwrap());
            let found = next(&current, &headers).unwrap().map(String::from);
            assert_eq!(found.as_deref(), expected, "{number}");
        }
    }
}
