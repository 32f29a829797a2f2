//! Addresses of pages that people open, not programs.

use url::Url;

/// Where people file an issue from this template, from the address of an issue
/// in the same project: `…/-/issues/5`, or `…/-/work_items/5` since GitLab 18.
pub(super) fn new_issue(issue_page: &str, template: &str) -> String {
    let project = issue_page.split_once("/-/").map_or(issue_page, |(project, _)| project);
    let page = format!("{project}/-/issues/new");
    let query = [("issuable_template", template)];
    Url::parse_with_params(&page, query).map_or(page, String::from)
}

#[cfg(test)]
mod tests {
    use super::new_issue;

    #[test]
    fn the_template_is_chosen_whatever_the_issue_is_called_by() {
        for page in ["issues", "work_items"] {
            assert_eq!(
                new_issue(&format!("https://git.example/sub/tpo/tpa/-/{page}/7"), "A VM & more"),
                "https://git.example/sub/tpo/tpa/-/issues/new?issuable_template=A+VM+%26+more"
            );
        }
    }
}
