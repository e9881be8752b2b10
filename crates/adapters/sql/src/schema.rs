//! The tables of both `migrations`, as diesel sees them: the columns that both have.

macro_rules! tables {
    ($($table:ident $key:tt { $($columns:tt)+ })+) => {$(
        diesel::table! {
            use diesel::sql_types::*;
            use crate::column::{Id, Moment};

            $table $key { $($columns)+ }
        }
    )+};
}

tables! {
    streams (stream_id) {
        stream_id -> Id,
        kind -> Text,
        version -> BigInt,
        hash -> Binary,
    }

    events (position) {
        position -> BigInt,
        id -> Id,
        stream_id -> Id,
        stream_kind -> Text,
        version -> BigInt,
        #[sql_name = "type"]
        event_type -> Text,
        schema_version -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<Id>,
        data -> Text,
        personal -> Nullable<Binary>,
        recorded_at -> Moment,
        prev_hash -> Binary,
        hash -> Binary,
    }

    claims (key) {
        key -> Text,
        owner -> Id,
    }

    users (id) {
        id -> Id,
        version -> BigInt,
        email -> Text,
        email_folded -> Text,
        username -> Nullable<Text>,
        name -> Text,
        phone -> Nullable<Text>,
        business_type -> Nullable<Text>,
        business_number -> Nullable<Text>,
        industry -> Nullable<Text>,
        region -> Nullable<Text>,
        role -> Text,
        is_active -> Bool,
        is_verified -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
        last_login_at -> Nullable<Moment>,
        unlocks -> BigInt,
        name_folded -> Text,
    }

    credentials (user_id) {
        user_id -> Id,
        password_hash -> Text,
        changed_at -> Moment,
        history -> Text,
    }

    sessions (id) {
        id -> Id,
        user_id -> Id,
        generation -> BigInt,
        created_at -> Moment,
        rotated_at -> Moment,
        last_seen_at -> Moment,
        expires_at -> Moment,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        ends_at -> Moment,
    }

    one_time_codes (id) {
        id -> Id,
        user_id -> Id,
        purpose -> Text,
        attempts -> BigInt,
        expires_at -> Moment,
    }

    companies (id) {
        id -> Id,
        version -> BigInt,
        name -> Text,
        business_number -> Nullable<Text>,
        industry -> Nullable<Text>,
        region -> Nullable<Text>,
        is_active -> Bool,
        created_at -> Moment,
        updated_at -> Moment,
    }

    members (user_id) {
        user_id -> Id,
        company_id -> Id,
        role -> Text,
        status -> Text,
        joined_at -> Moment,
    }

    invitations (id) {
        id -> Id,
        company_id -> Id,
        role -> Text,
        email -> Nullable<Text>,
        email_folded -> Nullable<Text>,
        language -> Text,
        invited_by -> Id,
        created_at -> Moment,
        expires_at -> Moment,
    }

    login_attempts (id) {
        id -> Id,
        user_id -> Id,
        at -> Moment,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        failure -> Nullable<Text>,
    }

    accesses (id) {
        id -> Id,
        stream_id -> Id,
        actor_kind -> Text,
        actor_id -> Nullable<Id>,
        what -> Text,
        at -> Moment,
    }

    stream_states (stream_id) {
        stream_id -> Id,
        kind -> Text,
        is_active -> Bool,
        metadata -> Text,
        last_snapshot -> Nullable<BigInt>,
    }

    snapshots (id) {
        id -> Id,
        stream_id -> Id,
        version -> BigInt,
        state -> Binary,
        created_at -> Moment,
    }

    idempotent_requests (key) {
        key -> Binary,
        request -> Binary,
        stream_id -> Id,
        version -> BigInt,
        claimed_by -> Id,
        created_at -> Moment,
    }

    api_keys (id) {
        id -> Id,
        owner_kind -> Text,
        owner_id -> Id,
        name -> Text,
        prefix -> Text,
        secret_hash -> Binary,
        previous_hash -> Nullable<Binary>,
        previous_good_until -> Nullable<Moment>,
        features -> Text,
        created_at -> Moment,
        expires_at -> Moment,
        last_used_at -> Nullable<Moment>,
    }

    features (id) {
        id -> Id,
        name -> Text,
        description -> Text,
        enabled -> Bool,
        required_role -> Nullable<Text>,
        company_id -> Nullable<Id>,
        created_at -> Moment,
        updated_at -> Moment,
    }

    feature_usages (feature_id, api_key_id) {
        feature_id -> Id,
        api_key_id -> Id,
        granted -> BigInt,
        refused -> BigInt,
        last_at -> Moment,
    }

    subject_keys (subject_id) {
        subject_id -> Id,
        wrapped -> Binary,
    }

    signing_keys (epoch) {
        epoch -> BigInt,
        material -> Binary,
        created_at -> Moment,
    }

    checkpoints (number) {
        number -> BigInt,
        transaction_id -> BigInt,
        position -> BigInt,
        event_count -> BigInt,
        running_hash -> Binary,
        previous -> Binary,
        made_at -> Moment,
        key_id -> Text,
        signature -> Binary,
        leaves -> Binary,
    }

    horizons (number) {
        number -> BigInt,
        transaction_id -> BigInt,
        position -> BigInt,
        event_count -> BigInt,
        running_hash -> Binary,
        checkpoint_hash -> Binary,
        bases_hash -> Binary,
        streams -> BigInt,
        made_at -> Moment,
        key_id -> Text,
        signature -> Binary,
    }

    stream_bases (stream_id) {
        stream_id -> Id,
        kind -> Text,
        version -> BigInt,
        position -> BigInt,
        hash -> Binary,
        recorded_at -> Moment,
        state -> Nullable<Binary>,
    }

    subscriptions (name) {
        name -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        is_paused -> Bool,
        holder -> Nullable<Id>,
        leased_until -> Moment,
        last_error -> Nullable<Text>,
    }

    dead_letters (subscription, transaction_id, position) {
        subscription -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        event_id -> Id,
        #[sql_name = "type"]
        event_type -> Text,
        error -> Text,
    }
}

diesel::joinable!(members -> companies (company_id));
diesel::allow_tables_to_appear_in_same_query!(users, members, companies);
