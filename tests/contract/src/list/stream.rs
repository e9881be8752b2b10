//! The cases of what streams are beside the log, and of searching it.

use crate::contract::contract;

contract! {
    /// The cases of `Streams`.
    streams_contract, streams, crate::case::stream:
    "A put state is found, its metadata as they were; a second put replaces it; a deleted one is not found." => [
        a_put_state_is_found,
        a_second_put_replaces_the_state,
        a_deleted_state_is_not_found,
    ]
    "Put snapshots of a stream are listed, the greatest version first, and no other stream's; a second put of one id replaces it." => [
        snapshots_are_listed_from_the_greatest_version,
        a_second_put_replaces_the_snapshot,
    ]
    "Deleting a stream's snapshots below a version leaves those at it and above, and all of other streams." => [
        deleting_snapshots_below_a_version_leaves_the_others,
    ]
}

contract! {
    /// The cases of `IdempotencyKeys`.
    idempotency_keys_contract, idempotency_keys, crate::case::idempotency_key:
    "A put request is found by its key, as it was put; a second put of one key replaces it; a deleted one is not found, and deleting one that was replaced deletes nothing." => [
        a_put_request_is_found_by_its_key,
        a_second_put_replaces_the_request,
        a_deleted_request_is_not_found,
    ]
    "`list_older` gives those made before the time, the oldest first, at most as many as asked for." => [
        requests_made_before_a_time_are_listed_oldest_first,
    ]
    "Of commits that race with one key exactly one is applied, and its request is the one that is found." => [
        of_racing_requests_with_one_key_one_is_done,
    ]
}

contract! {
    /// The cases of `EventSearch`.
    event_search_contract, event_search, crate::case::event_search:
    "`list` gives a stream's events within the versions, of the type if one is asked for, in the order asked for; `search` gives the events that meet every filter, the greatest id first; neither gives anything else." => [
        a_list_gives_the_versions_asked_for_in_their_order,
        a_search_gives_what_meets_every_filter,
        a_search_of_a_company_gives_its_own_streams_and_its_active_members,
    ]
    "Going on where each page says, to the last, gives each event once, however many are written meanwhile; a page holds at most as many as asked for." => [
        what_is_rare_is_found_page_by_page,
        what_is_there_is_given_once_beside_writers,
    ]
    "A text is found wherever it stands in the data, letter for letter; no character of it has a meaning of its own." => [
        a_text_is_found_letter_for_letter,
    ]
    "`statistics` counts a stream's events in all, by type and by day of UTC, and those of each type asked for since its time; and says when the first and the last one happened." => [
        a_stream_is_counted_by_type_and_by_day,
        of_many_types_the_most_frequent_are_counted_apart,
    ]
}
