//! The tables of `migrations/sqlite`, as diesel sees them.

diesel::table! {
    streams (stream_id) {
        stream_id -> Binary,
        kind -> Text,
        version -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    events (position) {
        position -> BigInt,
        id -> Binary,
        stream_id -> Binary,
        stream_kind -> Text,
        version -> BigInt,
        #[sql_name = "type"]
        event_type -> Text,
        schema_version -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<Binary>,
        data -> Text,
        personal -> Nullable<Binary>,
        recorded_at -> BigInt,
        prev_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    claims (key) {
        key -> Text,
        owner -> Binary,
    }
}

diesel::table! {
    users (id) {
        id -> Binary,
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
        created_at -> BigInt,
        updated_at -> BigInt,
        last_login_at -> Nullable<BigInt>,
        unlocks -> BigInt,
        name_folded -> Text,
    }
}

diesel::table! {
    credentials (user_id) {
        user_id -> Binary,
        password_hash -> Text,
        changed_at -> BigInt,
        history -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> Binary,
        user_id -> Binary,
        generation -> BigInt,
        created_at -> BigInt,
        rotated_at -> BigInt,
        last_seen_at -> BigInt,
        expires_at -> BigInt,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        ends_at -> BigInt,
    }
}

diesel::table! {
    one_time_codes (id) {
        rowid -> BigInt,
        id -> Binary,
        user_id -> Binary,
        purpose -> Text,
        attempts -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    companies (id) {
        id -> Binary,
        version -> BigInt,
        name -> Text,
        business_number -> Nullable<Text>,
        industry -> Nullable<Text>,
        region -> Nullable<Text>,
        is_active -> Bool,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    members (user_id) {
        user_id -> Binary,
        company_id -> Binary,
        role -> Text,
        status -> Text,
        joined_at -> BigInt,
    }
}

diesel::table! {
    invitations (id) {
        id -> Binary,
        company_id -> Binary,
        role -> Text,
        email -> Nullable<Text>,
        email_folded -> Nullable<Text>,
        language -> Text,
        invited_by -> Binary,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    login_attempts (id) {
        id -> Binary,
        user_id -> Binary,
        at -> BigInt,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        failure -> Nullable<Text>,
    }
}

diesel::table! {
    accesses (id) {
        id -> Binary,
        stream_id -> Binary,
        actor_kind -> Text,
        actor_id -> Nullable<Binary>,
        what -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    stream_states (stream_id) {
        stream_id -> Binary,
        kind -> Text,
        is_active -> Bool,
        metadata -> Text,
        last_snapshot -> Nullable<BigInt>,
    }
}

diesel::table! {
    snapshots (id) {
        id -> Binary,
        stream_id -> Binary,
        version -> BigInt,
        state -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    idempotent_requests (key) {
        key -> Binary,
        request -> Binary,
        stream_id -> Binary,
        version -> BigInt,
        claimed_by -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Binary,
        owner_kind -> Text,
        owner_id -> Binary,
        name -> Text,
        prefix -> Text,
        secret_hash -> Binary,
        previous_hash -> Nullable<Binary>,
        previous_good_until -> Nullable<BigInt>,
        features -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    features (id) {
        id -> Binary,
        name -> Text,
        description -> Text,
        enabled -> Bool,
        required_role -> Nullable<Text>,
        company_id -> Nullable<Binary>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    feature_usages (feature_id, api_key_id) {
        feature_id -> Binary,
        api_key_id -> Binary,
        granted -> BigInt,
        refused -> BigInt,
        last_at -> BigInt,
    }
}

diesel::table! {
    subject_keys (subject_id) {
        subject_id -> Binary,
        wrapped -> Binary,
    }
}

diesel::table! {
    signing_keys (epoch) {
        epoch -> BigInt,
        material -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    checkpoints (number) {
        number -> BigInt,
        transaction_id -> BigInt,
        position -> BigInt,
        event_count -> BigInt,
        running_hash -> Binary,
        previous -> Binary,
        made_at -> BigInt,
        key_id -> Text,
        signature -> Binary,
        leaves -> Binary,
    }
}

diesel::table! {
    horizons (number) {
        number -> BigInt,
        transaction_id -> BigInt,
        position -> BigInt,
        event_count -> BigInt,
        running_hash -> Binary,
        checkpoint_hash -> Binary,
        bases_hash -> Binary,
        streams -> BigInt,
        made_at -> BigInt,
        key_id -> Text,
        signature -> Binary,
    }
}

diesel::table! {
    stream_bases (stream_id) {
        stream_id -> Binary,
        kind -> Text,
        version -> BigInt,
        position -> BigInt,
        hash -> Binary,
        recorded_at -> BigInt,
        state -> Nullable<Binary>,
    }
}

diesel::table! {
    subscriptions (name) {
        name -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        is_paused -> Bool,
        holder -> Nullable<Binary>,
        leased_until -> BigInt,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    dead_letters (subscription, transaction_id, position) {
        subscription -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        event_id -> Binary,
        #[sql_name = "type"]
        event_type -> Text,
        error -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(users, members, companies);
