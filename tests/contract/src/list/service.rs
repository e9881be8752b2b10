//! The cases of what is no store.

use crate::contract::contract;

contract! {
    /// The cases of `Tokens`.
    tokens_contract, tokens, crate::case::token:
    "A token verifies to the claims it was issued with (times to the second), until `expires_at` and from `issued_at` on; an adapter may be set to allow a few seconds before `issued_at`, for replicas whose clocks differ." => [
        an_access_token_verifies_to_its_claims,
        a_refresh_token_verifies_to_its_claims,
        a_token_issued_within_a_second_verifies_at_once,
        a_token_is_good_from_its_issue_to_its_end,
        each_token_verifies_to_its_own_claims,
    ]
    "A token with any bit changed, cut, extended, of another key, issuer or audience, is `Invalid`; an authentic one past its time is `Expired`." => [
        a_token_with_any_bit_changed_is_invalid,
        a_token_that_is_cut_is_invalid,
        a_token_that_is_extended_is_invalid,
        anothers_token_is_invalid,
        a_forged_token_past_its_time_is_invalid_not_expired,
    ]
    "An access token is no refresh token and the other way round." => [
        access_tokens_and_refresh_tokens_are_apart,
    ]
    "Text that is no token at all, of any length and kind, is `Invalid`." => [
        text_that_is_no_token_is_invalid,
    ]
}

contract! {
    /// The cases of `PasswordHasher`.
    password_hasher_contract, password_hasher, crate::case::password_hasher:
    "A password verifies against its own hash and against no other password's; two hashes of one password differ." => [
        a_password_verifies_against_its_own_hash_alone,
        two_hashes_of_one_password_differ,
        passwords_of_any_script_and_length_count_whole,
        checks_that_run_together_are_not_mixed_up,
    ]
    "Verifying against no hash fails, and takes as long as against a hash made now: who has an account cannot be told by time." => [
        nothing_verifies_against_no_hash,
        a_check_against_no_hash_takes_as_long_as_one_against_a_hash,
    ]
    "A hash made with other parameters still verifies, and is reported as outdated." => [
        a_hash_made_with_other_parameters_verifies_and_is_outdated,
        a_stored_hash_that_does_not_read_fails,
    ]
    "`reads` says of a stored hash, without hashing, whether it can be checked: `verify` checks what reads and fails on what does not." => [
        a_hash_that_reads_is_checked,
        a_hash_that_does_not_read_is_said_not_to,
    ]
    "When more is asked than the queue holds, the answer is `Busy` at once." => [
        more_than_the_queue_holds_is_told_busy,
        checks_that_are_given_up_leave_their_places_free,
    ]
}

contract! {
    /// The cases of `Mailer`.
    mailer_contract, mailer, crate::case::mailer:
    "`Ok` means that the mail was taken over durably by whoever delivers it." => [
        every_mail_that_was_taken_over_arrives_once,
        mails_sent_together_are_not_mixed_up,
    ]
    "Subject, text and HTML arrive as given, in any script." => [
        subject_and_text_arrive_in_any_script,
        html_arrives_beside_the_text_in_any_script,
        lines_of_any_length_arrive,
        lines_that_mean_something_to_transports_arrive,
        line_ends_in_a_subject_make_no_headers,
        an_empty_text_and_an_empty_subject_arrive,
    ]
    "A mail without HTML arrives as its text alone." => [
        a_text_without_html_is_not_made_html,
    ]
}

contract! {
    /// The cases of `Publisher`.
    publisher_contract, publisher, crate::case::publisher:
    "`Ok` means that the broker keeps every message durably in at least one queue." => [
        every_message_has_arrived_once_when_the_call_returns,
        a_message_arrives_as_it_was_given,
        a_message_of_one_mebibyte_arrives,
        a_message_reaches_every_queue_that_takes_its_type,
        what_was_taken_over_outlives_an_outage,
        no_messages_are_published_by_a_call_without_any,
    ]
    "Messages of one call arrive in their order, and so do the messages of calls that follow each other." => [
        messages_of_one_call_arrive_in_their_order,
        messages_of_calls_that_follow_each_other_arrive_in_order,
        messages_of_calls_made_at_once_keep_the_order_of_their_call,
    ]
    "A message that no queue takes is not lost in silence: the call fails and names each such message, and all others have been taken over." => [
        a_message_that_no_queue_takes_fails_the_call,
        of_many_messages_each_that_no_queue_takes_is_named_and_the_others_arrive,
        messages_fail_from_when_their_queue_is_taken_away_until_one_is_back,
    ]
    "After any other failure any of the messages may have arrived: the caller publishes them all again, and consumers tell them by their id." => [
        messages_published_again_after_a_failure_all_arrive,
        messages_cut_off_by_an_outage_and_published_again_arrive_in_order,
    ]
    "A broker that is away fails the call within a deadline, and calls succeed again by themselves once it is back." => [
        while_the_broker_is_away_calls_fail_in_time,
        calls_made_at_once_while_the_broker_is_away_fail_in_time_too,
        calls_succeed_again_once_the_broker_is_back,
    ]
}

contract! {
    /// The cases of `SessionCache`.
    session_cache_contract, session_cache, crate::case::session_cache:
    "What was put is found until its time is over, and not after." => [
        a_put_session_is_found_as_it_was_put,
        a_session_never_put_is_not_found,
        a_put_session_is_found_until_its_time_is_over,
        a_second_put_counts_whole,
        times_of_any_length_are_taken,
    ]
    "A revoked session is found as `Revoked`, and a put that comes later (of what a slow reader saw before) does not bring it back." => [
        a_revoked_session_is_found_as_revoked,
        a_slow_readers_put_does_not_bring_a_revoked_session_back,
        of_racing_puts_and_a_revocation_the_revocation_stands,
        a_revocation_lasts_for_the_longest_time_that_was_said,
    ]
    "A forgotten session is not found, and can be put again; one that is revoked stays revoked." => [
        a_forgotten_session_is_not_found,
        a_forgotten_session_can_be_put_again,
        a_revoked_session_is_not_forgotten,
    ]
    "Every instance that shares the cache sees a revocation as soon as `revoke` has returned." => [
        every_instance_sees_a_revocation_at_once,
    ]
}

contract! {
    /// The cases of `RateLimiter`.
    rate_limiter_contract, rate_limiter, crate::case::rate_limiter:
    "Of any number that race for a key, at most `limit` are allowed at once; then one for each `period / limit` that passes." => [
        of_racing_takers_the_limit_are_allowed,
        a_verdict_says_what_is_left,
        a_bucket_refills_evenly,
        quotas_of_any_size_are_kept,
    ]
    "A refused attempt costs nothing: whoever keeps trying is allowed as soon as whoever waits." => [
        whoever_keeps_trying_is_allowed_as_soon_as_whoever_waits,
    ]
    "`retry_after` of a refusal, once waited, is enough." => [
        an_attempt_is_allowed_after_the_wait_it_was_told,
        a_bucket_is_full_after_the_wait_it_was_told,
    ]
    "Keys do not influence each other." => [
        keys_do_not_influence_each_other,
    ]
    "Every instance that shares the limiter counts together, whatever their clocks say." => [
        instances_count_together,
    ]
}

contract! {
    /// The cases of `AttemptCounters`.
    attempt_counters_contract, attempt_counters, crate::case::attempt_counter:
    "`add` counts atomically: of any number that race, each gets a count of its own, 1, 2, 3, …" => [
        failures_are_counted_one_by_one,
        of_racing_failures_each_gets_a_count_of_its_own,
    ]
    "The count ends a `window` after its first failure, however many follow." => [
        a_count_ends_a_window_after_its_first_failure,
        failures_that_follow_do_not_make_the_window_longer,
    ]
    "`ends_in` says when that is, and is zero where nothing is counted; once waited, it is enough." => [
        a_count_says_when_its_window_ends,
        a_count_has_ended_after_the_wait_it_was_told,
    ]
    "A cleared counter starts anew." => [
        a_cleared_counter_starts_anew,
        a_cleared_counter_gets_a_window_of_its_own,
    ]
    "Counters do not influence each other." => [
        counters_do_not_influence_each_other,
    ]
    "Every instance that shares the counters counts together." => [
        instances_count_together,
    ]
}

contract! {
    /// The cases of `CheckpointSigner`.
    checkpoint_signer_contract, checkpoint_signer, crate::case::checkpoint_keys:
    "What it signs verifies under its key's id, with the public keys alone." => [
        what_is_signed_verifies,
        what_is_signed_verifies_with_the_public_keys_alone,
    ]
}

contract! {
    /// The cases of `CheckpointVerifier`.
    checkpoint_verifier_contract, checkpoint_verifier, crate::case::checkpoint_keys:
    "Other bytes and another signature are `Invalid`; a key that it does not have is `UnknownKey`." => [
        other_bytes_are_invalid,
        another_signature_is_invalid,
        a_strangers_key_is_unknown,
    ]
}
