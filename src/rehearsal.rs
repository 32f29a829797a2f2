//! A small GitLab to practise on.
