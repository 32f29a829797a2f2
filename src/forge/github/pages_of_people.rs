//! Addresses of pages that people open, not programs.

use url::Url;

use crate::identity::NoteId;

/// A comment on an issue's page.
pub(super) fn note(issue_page: &str, note: NoteId) -> String {
    format!("{issue_page}#issuecomment-{note}")
}

/// Where people file an issue from this template (the file name of an issue
/// form without `.yml`), from the address of an issue in the same repository.
pub(super) fn new_issue(issue_page: &str, template: &str) -> String {
    let repository = issue_page.rsplit_once("/issues/").map_or(issue_page, |(page, _)| page);
    let page = format!("{repository}/issues/new");
    let query = [("template", format!("{template}.yml"))];
    Url::parse_with_params(&page, query).map_or(page, String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_made_from_the_issues_own() {
        let issue = "https://github.com/acme/issues/issues/7";
        assert_eq!(note(issue, NoteId(41)), format!("{issue}#issuecomment-41"));
        assert_eq!(
            new_issue(issue, "sandbox"),
            "https://github.com/acme/issues/issues/new?template=sandbox.yml"
        );
        assert_eq!(
            new_issue(issue, "a&b"),
            "https://github.com/acme/issues/issues/new?template=a%26b.yml"
        );
    }
}
