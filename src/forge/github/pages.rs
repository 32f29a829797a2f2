//! Reading lists to their end. Only the `Link` header says whether there is
//! another page: what we may not see is dropped after a page was cut.

use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use super::{
    client::Client,
    transport::{Answer, Outgoing, TransportError, same_origin},
};
use crate::{forge::http::next_link, identity::ProjectId};

/// The most GitHub serves at once.
const PER_PAGE: &str = "100";

/// A list of 50 000 items is not one we asked for.
const MOST_PAGES: usize = 500;

/// Every page of a list, in the order they are served.
pub(super) async fn all(
    client: &Client,
    bearer: &HeaderValue,
    within: Option<ProjectId>,
    url: Url,
) -> Result<Vec<Answer>, TransportError> {
    let mut next = Some(full(url));
    let mut pages = Vec::new();
    for _ in 0..MOST_PAGES {
        let Some(url) = next else { return Ok(pages) };
        let answer = client.follow(Outgoing::get(url), bearer, within).await?;
        next = following(&answer)?;
        pages.push(answer);
    }
    Err(TransportError::TooLarge)
}

/// Asks for pages as long as they come.
pub(super) fn full(mut url: Url) -> Url {
    url.query_pairs_mut().append_pair("per_page", PER_PAGE);
    url
}

/// Where the next page is. A list of a renamed repository goes on below its
/// number, which is the same list.
pub(super) fn following(page: &Answer) -> Result<Option<Url>, TransportError> {
    next(&page.url, &page.headers)
}

fn next(current: &Url, headers: &HeaderMap) -> Result<Option<Url>, TransportError> {
    let link = next_link(current, headers);
    link.map(|target| same_origin(current, target, StatusCode::OK)).transpose()
}

#[cfg(test)]
mod tests {
    use http::header::LINK;

    use super::*;

    fn next_from(value: &str) -> Result<Option<String>, TransportError> {
        let current = Url::parse("https://api.github.com/repos/acme/infra/issues?per_page=100");
        let headers = HeaderMap::from_iter([(LINK, value.parse().unwrap())]);
        Ok(next(&current.unwrap(), &headers)?.map(String::from))
    }

    #[test]
    fn the_next_page_is_linked_and_never_elsewhere() {
        let links = "<https://api.github.com/repositories/7/issues?page=1,2>; rel=\"prev\", \
                     <https://api.github.com/repositories/7/issues?page=3>; rel=\"next\", \
                     <https://api.github.com/repositories/7/issues?page=9>; rel=\"last\"";
        let third = "https://api.github.com/repositories/7/issues?page=3";
        assert_eq!(next_from(links).unwrap().unwrap(), third);
        assert_eq!(next_from("<https://api.github.com/c>; rel=\"last\"").unwrap(), None);
        assert_eq!(next_from("no link").unwrap(), None);
        assert!(next_from("<https://evil.example/b>; rel=\"next\"").is_err());
        assert!(next_from("<http://api.github.com/b>; rel=\"next\"").is_err());
        assert!(next_from("<https://me:pw@api.github.com/b>; rel=\"next\"").is_err());
    }
}
