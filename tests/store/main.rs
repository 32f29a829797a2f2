//! What every store promises, one function a promise, each given an empty
//! store; and `SQLite` and `PostgreSQL` held to all of it, and the store in memory
//! that simulations play on.

#![expect(clippy::unwrap_used, reason = "this is a test")]

mod audit;
mod backup;
mod builders;
mod effects;
mod forget;
mod inbox;
mod interleaving;
mod memory;
#[path = "../common/memory_store.rs"]
mod memory_store;
mod migrations;
#[path = "../common/postgres.rs"]
mod postgres;
mod replicas;
mod restart;
mod server;
mod state;
mod usage;

use std::os::unix::fs::PermissionsExt as _;

use innkeeper::store::sql::SqlStore;
use tempfile::TempDir;

use self::memory_store::MemoryStore;

/// An empty store in a folder of its own.
async fn empty() -> (SqlStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
    (store, folder)
}

macro_rules! stores_keep {
    ($($noun:ident::$promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (store, _folder) = empty().await;
                $noun::$promise(&store).await;
            }
        )*

        /// The same promises, kept by a server.
        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let Some(database) = super::postgres::database().await else { return };
                    super::$noun::$promise(&database.open().await).await;
                }
            )*
        }

        /// The same promises, kept in memory.
        mod in_memory {
            $(
                #[tokio::test]
                async fn $promise() {
                    super::$noun::$promise(&super::MemoryStore::default()).await;
                }
            )*
        }
    };
}

stores_keep! {
    inbox::a_delivery_counts_once_and_makes_its_issue_wanted,
    inbox::a_delivery_without_an_issue_is_only_stored,
    inbox::the_same_key_from_another_forge_is_another_delivery,
    inbox::bodies_are_forgotten_but_the_key_stays_known,
    inbox::sixteen_claimers_share_the_looks_without_overlap,
    inbox::a_claim_that_ran_out_is_up_for_taking_and_its_holder_has_lost_it,
    inbox::a_look_wanted_during_the_claim_stays_wanted,
    inbox::a_failed_look_waits_and_counts_its_failures_until_one_succeeds,
    inbox::a_look_that_has_to_wait_has_not_failed,
    inbox::a_look_is_not_due_before_it_was_wanted,
    inbox::wanting_a_postponed_look_makes_it_due,
    inbox::wanting_a_look_while_it_fails_keeps_it_due,
    inbox::a_look_that_waits_longest_comes_first,
    inbox::numbers_beyond_the_database_s_range_come_back_as_they_were,
    state::what_was_committed_is_read_back_with_its_version,
    state::a_request_is_open_until_it_is_closed_or_fulfilled,
    state::a_lease_is_live_until_it_has_ended,
    state::a_stale_version_is_a_conflict,
    state::what_does_not_exist_cannot_be_changed,
    state::requests_are_found_by_who_filed_them,
    state::an_issue_has_one_request,
    state::a_machine_has_one_live_lease,
    state::a_lease_whose_machine_is_gone_gets_no_other,
    state::of_two_commits_on_one_version_exactly_one_is_stored,
    state::a_conflict_leaves_nothing_behind,
    state::a_change_stores_everything_it_carries,
    state::leases_are_due_by_their_next_check,
    usage::the_mark_grows_with_whatever_alters_usage_and_nothing_else,
    usage::what_was_decided_by_usage_that_changed_is_a_conflict,
    usage::a_change_that_failed_does_not_move_the_mark,
    usage::of_many_that_were_decided_by_the_same_usage_one_is_stored,
    effects::a_lane_goes_in_order_and_lanes_do_not_wait_for_each_other,
    effects::a_warning_goes_first,
    effects::a_running_task_holds_back_even_a_warning,
    effects::a_postponed_first_holds_back_its_lane,
    effects::a_buried_first_holds_back_nobody,
    effects::a_key_counts_once_even_after_it_is_done,
    effects::finishing_with_a_lost_claim_is_a_conflict,
    effects::an_effect_is_finished_once,
    effects::postponing_or_burying_with_a_lost_claim_does_nothing,
    effects::what_is_not_done_of_a_lane_goes_on_in_another,
    effects::reviving_makes_due_what_waits_in_these_lanes,
    effects::sixteen_claimers_never_hold_the_same_task,
    effects::no_more_tasks_begin_than_are_admitted,
    effects::of_many_who_ask_at_once_as_many_are_admitted_as_may_be,
    effects::waiting_is_no_try_and_keeps_what_has_begun,
    effects::what_may_have_been_done_keeps_its_place,
    effects::figures_tell_what_waits_and_what_failed,
    effects::the_queue_shows_first_what_waits_for_a_person,
    effects::what_is_buried_can_be_dropped_for_good,
    memory::a_lock_has_one_holder_until_it_runs_out,
    memory::a_lock_is_given_back_by_its_holder_alone,
    memory::a_moment_is_remembered,
    memory::a_text_is_remembered_alone_or_with_a_change,
    memory::what_is_frozen_stays_so_until_it_is_thawed,
    memory::a_text_is_remembered_and_characters_no_database_takes_are_replaced,
    audit::the_log_is_a_chain_read_in_pieces,
    audit::concurrent_commits_do_not_fork_the_chain,
}

#[test]
fn whatever_happens_in_whatever_order_a_task_is_finished_at_most_once() {
    interleaving::check(40, empty);
    interleaving::check(40, async || (MemoryStore::default(), ()));
}

#[test]
fn whatever_happens_in_whatever_order_a_task_is_finished_at_most_once_on_postgres() {
    let Some(cluster) = postgres::shared() else { return };
    interleaving::check(15, async || {
        let database = cluster.database().await;
        (database.open().await, database)
    });
}

#[tokio::test]
async fn memory_tells_when_something_may_be_taken_next() {
    use builders::{at, effect, issue, order};
    use innkeeper::ports::store::Store as _;

    let store = MemoryStore::default();
    let next = || store.rows(memory_store::Rows::next_work);
    assert_eq!(next(), None);
    store.want_looks(&[issue(1)], at(5)).await.unwrap();
    assert_eq!(next(), Some(at(5)));
    let look = store.claim_look(at(5), at(65)).await.unwrap().unwrap();
    assert_eq!(next(), Some(at(65)));
    store.finish_look(&look).await.unwrap();
    assert_eq!(next(), None);
    order(&store, vec![effect("a", "a1"), effect("a", "a2")]).await;
    assert_eq!(next(), Some(at(0)));
    store.claim_effect(at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(next(), Some(at(60)), "the first of a lane holds back the rest");
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let (store, folder) = empty().await;
    restart::fill(&store).await;
    store.close().await;
    let store = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
    restart::find(&store).await;
}

#[tokio::test]
async fn a_restart_loses_nothing_on_postgres() {
    let Some(database) = postgres::database().await else { return };
    let store = database.open().await;
    restart::fill(&store).await;
    store.close().await;
    restart::find(&database.open().await).await;
}

#[tokio::test]
async fn a_store_that_was_never_closed_loses_nothing() {
    let (store, folder) = empty().await;
    restart::fill(&store).await;
    let other = SqlStore::open(&folder.path().join("store.db")).await.unwrap();
    drop(store);
    restart::find(&other).await;
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    let (store, folder) = empty().await;
    restart::fill(&store).await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_and_a_file_that_is_no_database_are_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqlStore::open(&folder.path().join("no/store.db")).await.unwrap_err();
    assert!(missing.advice.unwrap().contains("folder"));

    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear innkeeper, ".repeat(100)).unwrap();
    let foreign = SqlStore::open(&path).await.unwrap_err();
    assert_eq!(foreign.verdict, innkeeper::ports::Verdict::GiveUp);
    assert!(foreign.to_string().contains("letter.txt"));
    assert!(foreign.advice.unwrap().contains("no SQLite database"));
}
