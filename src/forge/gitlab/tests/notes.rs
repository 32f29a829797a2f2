//! Comments and emoji.

use serde_json::{Value, json};

use super::{
    issue, note_json,
    script::{reply, reply_json, reply_with},
    scripted, text,
};
use crate::{
    identity::{NoteId, UserId},
    ports::{
        Verdict,
        forge::{Audience, Forge as _},
    },
};

#[tokio::test]
async fn a_discussion_is_read_to_the_last_page_even_when_pages_are_short() {
    let page =
        |number: &str, notes: &Value| reply_with(200, "X-Next-Page", number, &notes.to_string());
    let mut edited = note_json(4, "@innkeeper approve 3f9c2a7e", false, (5, "alice"));
    edited["updated_at"] = json!("2026-11-20T10:00:09.000Z");
    let mut ageless = note_json(1, "Hello", false, (9, "project_7_bot_1f"));
    ageless.as_object_mut().unwrap().remove("updated_at");
    let (gitlab, script) = scripted([
        page("2", &json!([note_json(3, "changed the description", true, (6, "bob")), ageless])),
        page("3", &json!([edited, note_json(2, "added ~3 label", true, (8, "dora"))])),
        page(
            "",
            &json!([
                note_json(5, "marked the checklist item **x** as completed", true, (7, "carol")),
                note_json(6, "changed the description", true, (6, "bob")),
                note_json(7, "changed the description", false, (5, "alice")),
            ]),
        ),
    ])
    .await;
    let discussion = gitlab.discussion(&issue()).await.unwrap();
    let notes: Vec<_> = discussion
        .notes
        .iter()
        .map(|note| (note.id.0, note.by_bot, note.edited, note.author.username.as_str()))
        .collect();
    assert_eq!(
        notes,
        [
            (1, true, false, "project_7_bot_1f"),
            (4, false, true, "alice"),
            (7, false, false, "alice")
        ]
    );
    assert_eq!(discussion.description_editors, [UserId(6), UserId(7)]);
    let path = "GET /gitlab/api/v4/projects/7/issues/3/notes?sort=asc&per_page=100&page=";
    assert_eq!(script.lines(), [1, 2, 3].map(|page| format!("{path}{page}")));
}

#[tokio::test]
async fn a_comment_is_posted_edited_and_deleted() {
    let (gitlab, script) = scripted([
        reply(201, r#"{"id": 41}"#),
        reply(200, r#"{"id": 41}"#),
        reply(204, ""),
        reply(404, r#"{"message":"404 Note Not Found"}"#),
        reply(404, r#"{"message":"404 Note Not Found"}"#),
    ])
    .await;
    let note =
        gitlab.post_note(&issue(), &text("Hello & welcome"), Audience::Everyone).await.unwrap();
    assert_eq!(note, NoteId(41));
    gitlab.edit_note(&issue(), note, &text("Bye")).await.unwrap();
    gitlab.delete_note(&issue(), note).await.unwrap();
    gitlab.delete_note(&issue(), note).await.unwrap();
    let error = gitlab.edit_note(&issue(), note, &text("Bye")).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::Missing);
    assert_eq!(
        script.lines()[..3],
        [
            "POST /gitlab/api/v4/projects/7/issues/3/notes",
            "PUT /gitlab/api/v4/projects/7/issues/3/notes/41",
            "DELETE /gitlab/api/v4/projects/7/issues/3/notes/41"
        ]
    );
    assert_eq!(script.seen()[0].body, "body=Hello+%26+welcome");
}

#[tokio::test]
async fn a_text_of_quick_actions_alone_is_an_error_and_not_a_comment() {
    let eaten = json!({"commands_changes": {"state_event": "close"}, "summary": ["Closed"]});
    let (gitlab, _script) = scripted([reply_json(202, &eaten)]).await;
    let error = gitlab.post_note(&issue(), &text("/close"), Audience::Everyone).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert!(error.chain().contains("quick actions"), "{}", error.chain());
}

#[tokio::test]
async fn a_note_for_the_team_is_internal_or_taken_back() {
    for answer in [
        json!({"id": 41, "internal": true, "confidential": true}),
        json!({"id": 41, "internal": true}),
        json!({"id": 41, "confidential": true}),
    ] {
        let (gitlab, script) = scripted([reply_json(201, &answer)]).await;
        let posted = gitlab.post_note(&issue(), &text("Hello"), Audience::Team).await;
        assert_eq!(posted.unwrap(), NoteId(41), "{answer}");
        assert_eq!(script.seen().len(), 1);
        assert_eq!(script.seen()[0].body, "body=Hello&internal=true");
    }
    for answer in [json!({"id": 41}), json!({"id": 41, "internal": false, "confidential": true})] {
        let (gitlab, script) = scripted([reply_json(201, &answer), reply(204, "")]).await;
        let error = gitlab.post_note(&issue(), &text("Hello"), Audience::Team).await.unwrap_err();
        assert_eq!(error.verdict, Verdict::GiveUp, "{answer}");
        assert!(error.for_people().contains("it was deleted again"), "{}", error.for_people());
        assert_eq!(script.lines()[1], "DELETE /gitlab/api/v4/projects/7/issues/3/notes/41");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_tried_again_and_then_told_to_a_person() {
    let visible = || reply_json(201, &json!({"id": 41, "internal": false}));
    let (gitlab, script) = scripted([visible(), reply(500, "{}"), reply(204, "")]).await;
    let error = gitlab.post_note(&issue(), &text("Hello"), Audience::Team).await.unwrap_err();
    assert!(error.for_people().contains("it was deleted again"), "{}", error.for_people());
    assert_eq!(script.seen().len(), 3);

    let refused = || reply(403, r#"{"message":"403 Forbidden"}"#);
    let (gitlab, script) = scripted([visible(), refused(), refused(), refused()]).await;
    let error = gitlab.post_note(&issue(), &text("Hello"), Audience::Team).await.unwrap_err();
    assert_eq!(error.verdict, Verdict::GiveUp);
    assert_eq!(error.advice.as_deref(), Some("delete comment 41 of gitlab:7#3 by hand at once"));
    assert_eq!(script.seen().len(), 4);
}

#[tokio::test]
async fn emoji_come_with_whoever_put_them() {
    let award = |name: &str, id: u64, username: &str| {
        json!({"id": 1, "name": name, "user": {"id": id, "username": username, "state": "active"},
               "awardable_id": 900, "awardable_type": "Issue", "url": null})
    };
    let (gitlab, script) = scripted([
        reply_with(200, "X-Next-Page", "2", &json!([award("thumbsup", 5, "alice")]).to_string()),
        reply_json(200, &json!([award("tada", 6, "bob")])),
        reply(200, "[]"),
    ])
    .await;
    let reactions = gitlab.reactions(&issue(), None).await.unwrap();
    let seen: Vec<_> = reactions.iter().map(|one| (one.emoji.as_str(), one.by.id.0)).collect();
    assert_eq!(seen, [("thumbsup", 5), ("tada", 6)]);
    assert!(gitlab.reactions(&issue(), Some(NoteId(41))).await.unwrap().is_empty());
    let lines = script.lines();
    assert!(lines[0].starts_with("GET /gitlab/api/v4/projects/7/issues/3/award_emoji?"));
    assert!(lines[2].starts_with("GET /gitlab/api/v4/projects/7/issues/3/notes/41/award_emoji?"));
}

#[tokio::test]
async fn what_people_and_programs_write_is_told_apart() {
    let mut notes = vec![];
    for (id, username) in [(1, "alice"), (2, "support-bot"), (3, "group_9_bot_2f"), (4, "ghost")] {
        notes.push(note_json(id, "@innkeeper approve 3f9c2a7e", false, (id, username)));
    }
    let (gitlab, _script) = scripted([reply_json(200, &Value::from(notes))]).await;
    let discussion = gitlab.discussion(&issue()).await.unwrap();
    let bots: Vec<bool> = discussion.notes.iter().map(|note| note.by_bot).collect();
    assert_eq!(bots, [false, true, true, true]);
}
