//! The tables of `migrations/postgres`, as diesel sees them.

diesel::table! {
    streams (stream_id) {
        stream_id -> Uuid,
        kind -> Text,
        version -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    events (position) {
        position -> BigInt,
        transaction_id -> BigInt,
        id -> Uuid,
        stream_id -> Uuid,
        stream_kind -> Text,
        version -> BigInt,
        #[sql_name = "type"]
        event_type -> Text,
        schema_version -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<Uuid>,
        data -> Text,
        personal -> Nullable<Binary>,
        recorded_at -> Timestamptz,
        prev_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    claims (key) {
        key -> Text,
        owner -> Uuid,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        version -> BigInt,
        email -> Text,
        email_folded -> Text,
        username -> Nullable<Text>,
        name -> Text,
        name_folded -> Text,
        phone -> Nullable<Text>,
        business_type -> Nullable<Text>,
        business_number -> Nullable<Text>,
        industry -> Nullable<Text>,
        region -> Nullable<Text>,
        role -> Text,
        is_active -> Bool,
        is_verified -> Bool,
        unlocks -> BigInt,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        last_login_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    credentials (user_id) {
        user_id -> Uuid,
        password_hash -> Text,
        changed_at -> Timestamptz,
        history -> Text,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        generation -> BigInt,
        created_at -> Timestamptz,
        rotated_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        ends_at -> Timestamptz,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    one_time_codes (id) {
        number -> BigInt,
        id -> Uuid,
        user_id -> Uuid,
        purpose -> Text,
        attempts -> BigInt,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    companies (id) {
        id -> Uuid,
        version -> BigInt,
        name -> Text,
        business_number -> Nullable<Text>,
        industry -> Nullable<Text>,
        region -> Nullable<Text>,
        is_active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    members (user_id) {
        user_id -> Uuid,
        company_id -> Uuid,
        role -> Text,
        status -> Text,
        joined_at -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        company_id -> Uuid,
        role -> Text,
        email -> Nullable<Text>,
        email_folded -> Nullable<Text>,
        language -> Text,
        invited_by -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    login_attempts (at, id) {
        id -> Uuid,
        user_id -> Uuid,
        at -> Timestamptz,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        failure -> Nullable<Text>,
    }
}

diesel::table! {
    accesses (id) {
        id -> Uuid,
        stream_id -> Uuid,
        actor_kind -> Text,
        actor_id -> Nullable<Uuid>,
        what -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    stream_states (stream_id) {
        stream_id -> Uuid,
        kind -> Text,
        is_active -> Bool,
        metadata -> Text,
        last_snapshot -> Nullable<BigInt>,
    }
}

diesel::table! {
    snapshots (id) {
        id -> Uuid,
        stream_id -> Uuid,
        version -> BigInt,
        state -> Binary,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    idempotent_requests (key) {
        key -> Binary,
        request -> Binary,
        stream_id -> Uuid,
        version -> BigInt,
        claimed_by -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        owner_kind -> Text,
        owner_id -> Uuid,
        name -> Text,
        prefix -> Text,
        secret_hash -> Binary,
        previous_hash -> Nullable<Binary>,
        previous_good_until -> Nullable<Timestamptz>,
        features -> Text,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    features (id) {
        id -> Uuid,
        name -> Text,
        description -> Text,
        enabled -> Bool,
        required_role -> Nullable<Text>,
        company_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    feature_usages (feature_id, api_key_id) {
        feature_id -> Uuid,
        api_key_id -> Uuid,
        granted -> BigInt,
        refused -> BigInt,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    subject_keys (subject_id) {
        subject_id -> Uuid,
        wrapped -> Binary,
    }
}

diesel::table! {
    signing_keys (epoch) {
        epoch -> BigInt,
        material -> Binary,
        created_at -> Timestamptz,
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
        made_at -> Timestamptz,
        key_id -> Text,
        signature -> Binary,
        leaves -> Binary,
    }
}

diesel::table! {
    horizons (number) {
        number -> BigInt,
        previous -> BigInt,
        transaction_id -> BigInt,
        position -> BigInt,
        event_count -> BigInt,
        running_hash -> Binary,
        checkpoint_hash -> Binary,
        bases_hash -> Binary,
        streams -> BigInt,
        made_at -> Timestamptz,
        key_id -> Text,
        signature -> Binary,
    }
}

diesel::table! {
    stream_bases (stream_id) {
        stream_id -> Uuid,
        kind -> Text,
        version -> BigInt,
        position -> BigInt,
        hash -> Binary,
        recorded_at -> Timestamptz,
        state -> Nullable<Binary>,
    }
}

diesel::table! {
    subscriptions (name) {
        name -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        is_paused -> Bool,
        holder -> Nullable<Uuid>,
        leased_until -> Timestamptz,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    dead_letters (subscription, transaction_id, position) {
        subscription -> Text,
        transaction_id -> BigInt,
        position -> BigInt,
        event_id -> Uuid,
        #[sql_name = "type"]
        event_type -> Text,
        error -> Text,
    }
}

diesel::joinable!(members -> companies (company_id));
diesel::allow_tables_to_appear_in_same_query!(members, companies);
