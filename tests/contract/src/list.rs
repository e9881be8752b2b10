//! Every case, under the line of the contract that it enforces. A line stands here as it stands on the port, which a test
//! compares.

mod service;
mod stream;

pub use service::{
    attempt_counters, checkpoint_signer, checkpoint_verifier, mailer, password_hasher, publisher,
    rate_limiter, session_cache, tokens,
};
pub use stream::{event_search, idempotency_keys, streams};

use crate::contract::contract;

contract! {
    /// The cases of `EventStore`.
    event_store_contract, event_store, crate::case::event_store:
    "What a commit appends reads back as it was written: to the byte for data and sealed parts, to the microsecond for times." => [
        an_event_reads_back_as_it_was_written,
        every_kind_of_actor_and_stream_reads_back,
        absent_empty_and_arbitrary_sealed_parts_stay_apart,
        event_data_keep_white_space_escapes_and_key_order,
        event_data_in_any_script_read_back,
        a_payload_of_one_mebibyte_reads_back,
        times_long_past_and_far_ahead_read_back,
    ]
    "Versions of a stream are 1, 2, 3, … without a gap, in the order of the commits." => [
        versions_count_from_one_without_a_gap,
        a_stream_is_read_in_pages_from_any_version,
        racing_writers_at_any_version_all_land_without_a_gap,
    ]
    "A commit whose `Expected` does not hold fails with `Conflict`, naming expected and actual version." => [
        a_stale_version_conflicts_and_names_both_versions,
        a_version_that_is_not_reached_yet_conflicts,
        a_stream_expected_to_be_new_conflicts_when_it_has_events,
        an_append_at_any_version_never_conflicts,
    ]
    "Of commits that race for one version of a stream exactly one is applied." => [
        of_racing_writers_on_one_version_one_wins,
        of_racing_writers_on_a_new_stream_one_wins,
    ]
    "A commit applies whole or not at all: one that fails leaves no event, row, claim or key." => [
        a_commit_that_conflicts_leaves_nothing,
        a_commit_whose_key_is_taken_leaves_nothing,
        a_commit_whose_guard_does_not_hold_leaves_nothing,
        a_commit_that_failed_can_be_made_again,
        racing_commits_of_several_streams_apply_whole,
        of_racing_commits_of_two_streams_one_has_both,
    ]
    "A key is held by at most one owner; taking another owner's fails with `Taken`, naming the key; a released key can be taken again; keys are equal when they fold to the same text; releasing another owner's key changes nothing." => [
        a_key_that_another_owner_holds_is_refused,
        the_key_that_is_taken_is_the_one_named,
        keys_are_one_whatever_their_letter_case,
        keys_that_differ_in_more_than_case_are_apart,
        business_numbers_are_one_however_they_are_separated,
        a_released_key_can_be_taken_again,
        a_key_changes_hands_in_one_commit,
        two_owners_swap_keys_in_one_commit,
        a_key_taken_and_released_in_one_commit_is_free,
        an_owner_may_take_its_own_key_again,
        releasing_another_owners_key_changes_nothing,
        of_racing_takers_of_one_key_one_wins,
    ]
    "After `commit` returns, every read sees what it wrote, and it survives the loss of the process." => [
        a_new_store_is_empty_and_answers,
        every_read_sees_what_was_just_committed,
        a_commit_without_events_writes_its_rows,
        rows_are_applied_in_the_order_in_which_they_are_listed,
        everything_outlives_a_restart,
        changes_that_are_no_events_outlive_a_restart,
    ]
    "The feed gives every event once, streams in the order of their versions, and never skips one that becomes visible late, however writers race." => [
        the_feed_is_all_streams_together,
        the_feed_is_the_same_in_pages_of_any_size,
        a_reader_beside_racing_writers_misses_nothing,
    ]
    "Events of types this software does not know are kept and returned like any other." => [
        events_of_unknown_types_are_kept,
    ]
    "Events are chained: `Event::chained` onto the stream's head, whose hash `head` and `list_heads` return." => [
        every_event_is_chained_to_the_one_before_it,
        the_chain_holds_under_racing_writers,
        heads_are_listed_in_the_order_of_their_ids,
        a_stream_without_events_has_no_head,
    ]
    "`wait` returns once an event lies beyond the cursor, when this process committed it; it may return early." => [
        whoever_waits_is_woken_by_a_commit,
        a_commit_between_reading_and_waiting_is_not_missed,
        no_wake_up_is_lost_in_a_race,
    ]
    "A guard on a stream that is at another version fails with `Conflict`, and holds until its commit is applied: of commits that race, of which each guards what the next one appends to, not all are applied; nothing is appended by a guard." => [
        a_guard_at_another_version_conflicts_and_names_both,
        of_two_that_guard_each_others_stream_one_is_applied,
        of_a_ring_of_guards_not_all_are_applied,
        of_racers_that_guard_all_the_others_one_is_applied,
        racing_guards_of_one_version_all_hold,
        a_guard_that_holds_appends_nothing,
    ]
    "An append without events is refused, as is a commit that names one stream twice among its appends and guards: with `StoreError::Corrupt`, before anything else is looked at." => [
        an_append_without_events_is_refused,
        two_appends_to_one_stream_are_refused,
        a_stream_named_twice_among_appends_and_guards_is_refused,
    ]
}

contract! {
    /// The cases of `Users`.
    users_contract, users, crate::case::user:
    "A put user is found by id, by address in any letter case, and by username." => [
        a_put_user_is_found_by_id_address_and_username,
        an_address_is_found_in_any_letter_case,
        users_of_any_script_read_back,
        who_is_not_there_is_not_found,
        a_second_put_replaces_the_user,
    ]
    "After a change of username the old one finds nobody." => [
        after_a_change_of_username_the_old_one_finds_nobody,
        a_username_given_up_finds_its_next_owner,
    ]
    "A deleted user is found by nothing, and is in no list." => [
        a_deleted_user_is_found_by_nothing,
        the_names_of_a_deleted_user_find_their_next_owner,
    ]
    "`list` without a query gives the newest first, by id; with one, those of whom address, name or username begins with it in any letter case, by their `UserQuery::term_of` and id, each once." => [
        users_are_listed_newest_first,
        a_prefix_finds_in_any_letter_case_and_script,
        wildcards_in_a_prefix_are_plain_characters,
        a_prefix_of_any_text_is_answered,
        who_matches_by_several_terms_is_listed_once,
        users_of_one_term_are_listed_by_id,
        terms_are_in_the_order_of_their_code_points,
    ]
    "`list` gives those who meet every filter and nobody else; a page goes on after the cursor, without a gap or a repeat." => [
        filters_give_who_meets_all_of_them_in_pages,
        a_list_follows_what_changes,
        a_page_goes_on_after_a_user_who_is_gone,
    ]
    "`count` tells how many users there are, and how many of them are active." => [
        users_are_counted_and_the_active_apart,
    ]
}

contract! {
    /// The cases of `Credentials`.
    credentials_contract, credentials, crate::case::credential:
    "A put credential is found, its history in its order; a second put replaces it; a deleted one is not found." => [
        a_put_credential_is_found,
        a_history_reads_back_in_its_order,
        a_second_put_replaces_it,
        a_deleted_credential_is_not_found,
    ]
}

contract! {
    /// The cases of `Sessions`.
    sessions_contract, sessions, crate::case::session:
    "A put session is found; a deleted one is not; deleting all of one user's leaves everybody else's." => [
        a_put_session_is_found,
        a_second_put_replaces_the_session,
        a_deleted_session_is_not_found,
        deleting_all_of_one_users_leaves_everybody_elses,
        a_users_sessions_are_listed_newest_first,
    ]
    "`rotate` is one atomic compare-and-set on the generation: of any number that race from one generation exactly one is `Rotated`." => [
        a_rotation_moves_a_session_to_its_next_generation,
        of_racing_rotations_one_is_rotated_and_the_rest_are_stale,
    ]
    "`touch` moves `last_seen_at` forward only, and changes nothing else." => [
        a_touch_moves_last_seen_forward,
        a_touch_never_moves_back,
        a_touch_of_a_session_that_is_gone_does_nothing,
        touches_that_race_lose_nothing,
    ]
    "`rotate` from another generation changes nothing and returns the session as it is." => [
        a_rotation_from_another_generation_changes_nothing,
    ]
    "A rotation moves `expires_at`, but never beyond the session's `ends_at`." => [
        a_rotation_moves_the_end_but_never_beyond_the_last_moment,
    ]
    "`rotate` of a session that is gone, or whose `expires_at` has passed at the rotation's time, is `Gone`." => [
        a_rotation_of_a_session_that_is_not_there_is_gone,
        a_rotation_of_an_expired_session_is_gone,
        a_rotation_just_before_the_end_is_rotated,
    ]
    "`count_live` counts the sessions whose `expires_at` has not passed at the time." => [
        live_sessions_are_counted,
    ]
    "`prune` deletes the sessions whose `expires_at` lies before the time, and nothing else, and says how many." => [
        sessions_that_have_run_out_are_pruned_and_nothing_else,
    ]
}

contract! {
    /// The cases of `OneTimeCodes`.
    one_time_codes_contract, one_time_codes, crate::case::one_time_code:
    "A put code is found by user and purpose; deleting a user's codes of one purpose leaves the other purposes'." => [
        a_put_code_is_found_by_user_and_purpose,
        of_several_codes_the_newest_is_found,
        deleting_codes_of_one_purpose_leaves_the_others,
    ]
    "`take_attempt` counts atomically: of any number that race, exactly `limit` succeed over the code's life." => [
        of_racing_attempts_exactly_the_limit_succeed,
        attempts_count_over_the_codes_life,
        a_code_that_is_gone_takes_no_attempt,
    ]
    "`prune` deletes the codes whose `expires_at` lies before the time, and nothing else, and says how many." => [
        codes_that_have_run_out_are_pruned_and_nothing_else,
    ]
}

contract! {
    /// The cases of `SubjectKeys`.
    subject_keys_contract, subject_keys, crate::case::subject_key:
    "A put key is found; a shredded one never again." => [
        a_put_key_is_found,
        a_second_put_replaces_the_key,
        a_shredded_key_is_never_found_again,
        a_key_put_and_shredded_in_one_commit_is_not_found,
    ]
    "`list` gives every key by subject; a page goes on after the given one, without a gap or a repeat." => [
        keys_are_listed_by_subject,
    ]
    "`replace` changes the keys that are still as they were read, and no other, and says how many; a shredded one stays gone." => [
        keys_that_are_as_they_were_read_are_replaced,
        a_replacement_brings_no_shredded_key_back,
    ]
}

contract! {
    /// The cases of `Companies`.
    companies_contract, companies, crate::case::company:
    "A put company is found; a second put replaces it." => [
        a_put_company_is_found,
        a_second_put_replaces_the_company,
    ]
}

contract! {
    /// The cases of `Members`.
    members_contract, members, crate::case::member:
    "A put membership is found with its company's name, as it is now; a second put replaces it, also one of another company; a deleted one is not found." => [
        a_put_membership_is_found_with_its_companys_name,
        a_membership_shows_the_companys_name_as_it_is_now,
        a_second_put_replaces_the_membership,
        a_deleted_membership_is_not_found,
    ]
    "`find_many` gives the memberships of those of the given users who have one." => [
        those_of_the_given_users_who_have_one_are_found,
    ]
    "`list_by_company` gives a company's members and nobody else, by user id; a page goes on after the given one, without a gap or a repeat." => [
        a_companys_members_are_listed_by_user_id,
        members_are_paged_without_a_gap_or_a_repeat,
    ]
    "`list_owners` gives active owners alone." => [
        owners_are_listed_who_are_active,
    ]
}

contract! {
    /// The cases of `Invitations`.
    invitations_contract, invitations, crate::case::invitation:
    "A put invitation is found, expired or not; a deleted one is not." => [
        a_put_invitation_is_found,
        a_second_put_replaces_the_invitation,
        a_deleted_invitation_is_not_found,
    ]
    "Deleting those to an address leaves the others." => [
        deleting_those_to_an_address_leaves_the_others,
    ]
    "`prune` deletes the invitations whose `expires_at` lies before the time, and nothing else, and says how many." => [
        invitations_that_have_run_out_are_pruned_and_nothing_else,
    ]
}

contract! {
    /// The cases of `LoginHistory`.
    login_history_contract, login_history, crate::case::login_history:
    "What a commit put and what was recorded is listed together, newest first, of one instant the greatest id first; each user's apart." => [
        an_attempt_reads_back_as_it_was,
        attempts_of_both_kinds_are_listed_newest_first,
        each_users_attempts_are_apart,
    ]
    "A page goes on after the given attempt, without a gap or a repeat." => [
        attempts_are_paged_without_a_gap_or_a_repeat,
        a_page_goes_on_beside_new_attempts,
    ]
    "Attempts on an account that is gone are passed over; the others of the same call are recorded." => [
        attempts_on_an_account_that_is_gone_are_passed_over,
        an_account_that_goes_meanwhile_is_passed_over,
    ]
    "`prune` deletes what is older than the time, and nothing else, and says how many." => [
        what_is_older_than_a_time_is_pruned_and_nothing_else,
    ]
}

contract! {
    /// The cases of `Accesses`.
    accesses_contract, accesses, crate::case::access:
    "Put notes are listed newest first, of one instant the greatest id first; each stream's apart; a page goes on after the given one, without a gap or a repeat." => [
        looks_are_listed_newest_first,
        looks_are_paged_without_a_gap_or_a_repeat,
    ]
    "`list_since` gives them oldest first, of one instant the least id first, those beyond a time and id alone, which need not be there." => [
        looks_are_listed_oldest_first_from_anywhere,
    ]
    "Deleting those of a stream leaves the others'." => [
        deleting_those_of_a_stream_leaves_the_others,
    ]
    "`prune` deletes what is older than the time, and nothing else, and says how many." => [
        looks_older_than_a_time_are_pruned_and_nothing_else,
    ]
}

contract! {
    /// The cases of `ApiKeys`.
    api_keys_contract, api_keys, crate::case::api_key:
    "A put key is found by its prefix, as it was put, expired or not; a second put replaces it; a deleted one is not found." => [
        a_put_api_key_is_found_by_its_prefix,
        a_second_put_replaces_the_api_key,
        a_deleted_api_key_is_not_found,
    ]
    "`list_by_owner` gives an owner's keys and nobody else's, newest first, by id; deleting all of one owner's leaves everybody else's." => [
        an_owners_api_keys_are_listed_newest_first,
        a_user_and_a_company_of_one_id_are_two_owners,
        deleting_all_of_one_owners_leaves_everybody_elses_keys,
    ]
    "A touch moves `last_used_at` forward only, and changes nothing else; of a key that is gone it does nothing." => [
        a_touch_moves_last_used_forward_and_nothing_else,
        a_touch_of_an_api_key_that_is_gone_does_nothing,
    ]
}

contract! {
    /// The cases of `Features`.
    features_contract, features, crate::case::feature:
    "A put feature is found by its name, as it was put; a second put replaces it; a deleted one is not found, and its name finds the next one." => [
        a_put_feature_is_found_by_its_name,
        a_second_put_replaces_the_feature,
        a_deleted_feature_is_not_found_and_its_name_finds_the_next,
    ]
    "`list` gives all of them by name, in the order of their bytes; a page goes on after the given name, without a gap or a repeat." => [
        features_are_listed_by_the_bytes_of_their_names,
        features_are_paged_without_a_gap_or_a_repeat,
    ]
}

contract! {
    /// The cases of `FeatureUsages`.
    feature_usages_contract, feature_usages, crate::case::feature_usage:
    "What is added to a feature and a key adds up, and its time is the latest; of any number that race none is lost." => [
        counts_add_up_and_the_latest_time_stands,
        racing_counts_all_add_up,
    ]
    "What is added to a feature that is gone is passed over." => [
        counts_of_a_feature_that_is_gone_are_passed_over,
    ]
    "`list` gives a feature's counts and no other's, by key id; a page goes on after the given key, without a gap or a repeat; `total` is their sum, and nought where there is none." => [
        a_features_counts_are_listed_by_key_and_summed,
        counts_are_paged_without_a_gap_or_a_repeat,
    ]
    "Deleting those of a feature leaves the others'." => [
        deleting_the_counts_of_a_feature_leaves_the_others,
    ]
}

contract! {
    /// The cases of `SigningKeys`.
    signing_keys_contract, signing_keys, crate::case::signing_key:
    "`list` returns them by epoch, as they were inserted." => [
        keys_are_listed_by_epoch_as_they_were_inserted,
    ]
    "Of any number of keys that race for one epoch exactly one is inserted." => [
        a_second_key_of_an_epoch_is_not_inserted,
        of_racing_keys_of_one_epoch_one_is_inserted,
    ]
    "`replace` changes the material of a key that is still as it was read, and nothing else." => [
        a_key_that_is_as_it_was_read_is_replaced,
    ]
}

contract! {
    /// The cases of `Subscriptions`.
    subscriptions_contract, subscriptions, crate::case::subscription:
    "A subscription never leased stands at the start and is not listed; each name stands for itself." => [
        a_subscription_never_leased_stands_at_the_start,
        each_subscription_stands_for_itself,
    ]
    "Of any number that race for a lease one gets it; until it is released or its time is over nobody else does, and its holder renews it." => [
        of_racing_replicas_one_gets_the_lease,
        a_lease_is_renewed_by_its_holder,
        a_released_lease_is_free,
        a_lease_ends_with_its_time,
    ]
    "A lease comes with the cursor. The holder's `advance` moves the cursor and never backwards; anybody else's changes nothing and is refused." => [
        a_cursor_never_moves_backwards,
        nobody_but_the_holder_moves_the_cursor,
    ]
    "A paused subscription is leased to nobody, and pausing ends the lease that is; a resumed one goes on where it stood." => [
        a_paused_subscription_is_leased_to_nobody,
        a_subscription_can_be_paused_before_it_runs,
    ]
    "`rewind` moves the cursor either way and ends the lease: what its holder was about to report is refused." => [
        a_rewound_subscription_goes_on_from_there,
    ]
    "A dead letter buried twice is kept once, in the order of the feed; a removed one is gone; each subscription has its own." => [
        a_dead_letter_is_kept_once,
        a_removed_dead_letter_is_gone,
    ]
    "The last failure is listed until an advance follows it." => [
        a_failure_is_listed_until_the_subscription_goes_on,
    ]
    "Cursors, pauses and dead letters survive the loss of the process." => [
        a_subscription_outlives_a_restart,
    ]
}

contract! {
    /// The cases of `Retention`.
    retention_contract, retention, crate::case::retention:
    "A horizon and its bases read back as they were written, to the byte and the microsecond; of each stream there is the base that was put last, and `list_bases` gives them in the order of the streams' ids." => [
        a_horizon_and_its_bases_read_back_as_they_were_written,
        bases_are_listed_in_pages_in_the_order_of_their_streams,
    ]
    "A horizon that does not lie beyond the newest changes nothing, and its bases neither; of any number that race for one place one is put." => [
        a_horizon_that_is_not_beyond_the_newest_changes_nothing,
        of_racing_horizons_one_is_put,
    ]
    "`drop_archived` deletes events up to the newest horizon, oldest first and no more than its limit, and says how many; beyond it, and without a horizon, it deletes none." => [
        without_a_horizon_nothing_is_dropped,
        events_behind_the_horizon_are_dropped_and_no_others,
    ]
    "The log goes on as if what was dropped were there: heads stay, the next event has the next version and lies beyond all others, and the rest is read and fed as before." => [
        the_log_goes_on_behind_what_was_dropped,
    ]
    "Horizons, bases and what was dropped survive the loss of the process." => [
        horizons_outlive_a_restart,
    ]
}

contract! {
    /// The cases of `Checkpoints`.
    checkpoints_contract, checkpoints, crate::case::checkpoint:
    "A checkpoint reads back as it was written, to the byte and the microsecond; `list` gives those beyond a number in the order of their numbers." => [
        a_checkpoint_reads_back_as_it_was_written,
        checkpoints_are_listed_in_pages_in_the_order_of_their_numbers,
    ]
    "A checkpoint is inserted where its number is the next one, and nowhere else: a second one of a number, and one beyond a gap, changes nothing." => [
        a_second_checkpoint_of_a_number_changes_nothing,
        a_checkpoint_beyond_a_gap_changes_nothing,
    ]
    "Of any number that race for one number exactly one is inserted." => [
        of_racing_checkpoints_one_is_inserted,
    ]
    "`covering` gives the first checkpoint whose place is not before an event's in the feed, and that place; nothing for an event that is not there, or that no checkpoint covers yet." => [
        the_checkpoint_that_covers_an_event_is_found,
    ]
    "Checkpoints survive the loss of the process." => [
        checkpoints_outlive_a_restart,
    ]
}

contract! {
    /// The cases of `Replays`.
    replays_contract, replays, crate::case::replay:
    "What is written beside is seen by no read until it is swapped in, and then by every one; what is beside is kept when it is closed, and gone on with." => [
        rows_beside_are_seen_by_nobody_until_they_are_swapped_in,
        rows_beside_are_gone_on_with_after_a_restart,
    ]
    "Comparing says of each table how many rows are wrong or lacking; after a swap none is, and what no event tells is as it was." => [
        a_comparison_counts_what_is_wrong_and_what_is_lacking,
        a_swap_leaves_what_no_event_tells,
    ]
    "What was discarded is begun anew." => [
        what_was_discarded_is_begun_anew,
    ]
    "What is beside of somebody goes when their key is destroyed, and what is written of them after that is not kept." => [
        of_the_erased_nothing_is_kept_beside,
    ]
    "After `lock` no commit is applied until the swap, and every commit that was applied before is in the log." => [
        a_commit_waits_for_the_swap,
    ]
}
