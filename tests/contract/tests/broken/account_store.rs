//! The ports around accounts, of a store with a fault.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    audit::Access,
    company::{Invitation, Member, Membership},
    id::{AccessId, CompanyId, InvitationId, LoginAttemptId, StreamId, UserId},
    port::{
        Accesses, Invitations, LoginHistory, Members, StoreError, UserCount, UserCursor, UserQuery, Users,
    },
    session::LoginAttempt,
    user::User,
    value::{Email, Username},
};

use crate::store::{Fault, Faulty};

#[async_trait]
impl<F: Fault> Users for Faulty<F> {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Users::find(self.memory.as_ref(), id).await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.memory.find_by_email(email).await
    }

    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError> {
        self.memory.find_by_username(username).await
    }

    async fn list(
        &self,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        self.fault.list_users(&self.memory, query, after, limit).await
    }

    async fn count(&self) -> Result<UserCount, StoreError> {
        self.fault.count_users(&self.memory).await
    }
}

#[async_trait]
impl<F: Fault> Invitations for Faulty<F> {
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        Invitations::find(self.memory.as_ref(), id).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.prune_invitations(&self.memory, before).await
    }
}

#[async_trait]
impl<F: Fault> Members for Faulty<F> {
    async fn find(&self, user: UserId) -> Result<Option<Membership>, StoreError> {
        self.fault.find_membership(&self.memory, user).await
    }

    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Membership>, StoreError> {
        self.fault.find_memberships(&self.memory, users).await
    }

    async fn list_by_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        self.fault.list_members(&self.memory, company, after, limit).await
    }

    async fn list_owners(&self, company: CompanyId, limit: usize) -> Result<Vec<Member>, StoreError> {
        self.fault.list_owners(&self.memory, company, limit).await
    }
}

#[async_trait]
impl<F: Fault> LoginHistory for Faulty<F> {
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        self.fault.record(&self.memory, attempts).await
    }

    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        self.fault.list_attempts(&self.memory, user, after, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.prune_attempts(&self.memory, before).await
    }
}

#[async_trait]
impl<F: Fault> Accesses for Faulty<F> {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        self.fault.list_accesses(&self.memory, stream, after, limit).await
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        self.fault.list_accesses_since(&self.memory, stream, after, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.prune_accesses(&self.memory, before).await
    }
}
