use std::slice;

use portcullis_domain::{
    audit::Access,
    commit::RowChange,
    company::{Company, Invitation, Member, Membership},
    port::UserQuery,
    seal::SubjectKey,
    session::{LoginAttempt, Session},
    stream::{IdempotentRequest, Snapshot, StreamState},
    user::{Credential, User},
    verification::{OneTimeCode, Purpose},
};

use crate::{StorePorts, sample};

/// A person with everything that can be stored of them.
pub(super) struct Person {
    pub(super) user: User,
    pub(super) credential: Credential,
    pub(super) session: Session,
    pub(super) code: OneTimeCode,
    pub(super) company: Company,
    pub(super) member: Member,
    pub(super) invitation: Invitation,
    pub(super) attempt: LoginAttempt,
    pub(super) access: Access,
    pub(super) stream_state: StreamState,
    pub(super) snapshot: Snapshot,
    pub(super) request: IdempotentRequest,
    pub(super) subject_key: SubjectKey,
}

impl Person {
    pub(super) fn new() -> Self {
        let (user, company) = (sample::user(), sample::company());
        Self {
            credential: sample::credential(user.id),
            session: sample::session(user.id),
            code: sample::one_time_code(user.id, Purpose::VerifyEmail),
            member: sample::member(user.id, company.id),
            invitation: sample::invitation(company.id, user.id),
            attempt: sample::login_attempt(user.id, sample::now()),
            access: sample::access(user.stream(), sample::now()),
            stream_state: sample::stream_state(user.stream()),
            snapshot: sample::snapshot(user.stream()),
            request: sample::idempotent_request(sample::now()),
            subject_key: sample::subject_key(user.id.into()),
            user,
            company,
        }
    }

    /// Puts of all of it.
    pub(super) fn puts(&self) -> Vec<RowChange> {
        vec![
            sample::put_user(&self.user),
            RowChange::PutCredential(self.credential.clone()),
            RowChange::PutSession(self.session.clone()),
            RowChange::PutOneTimeCode(self.code.clone()),
            sample::put_company(&self.company),
            RowChange::PutMember(self.member.clone()),
            RowChange::PutInvitation(self.invitation.clone()),
            RowChange::PutLoginAttempt(self.attempt.clone()),
            RowChange::PutAccess(self.access.clone()),
            RowChange::PutStreamState(self.stream_state.clone()),
            RowChange::PutSnapshot(self.snapshot.clone()),
            RowChange::PutIdempotentRequest(self.request.clone()),
            RowChange::PutSubjectKey(self.subject_key.clone()),
        ]
    }

    /// Deletions of all of it but the company, which stays, and the data key, which is shredded.
    pub(super) fn deletions(&self) -> Vec<RowChange> {
        let user = self.user.id;
        vec![
            RowChange::DeleteSessionsOf(user),
            RowChange::DeleteOneTimeCodesOf(user, self.code.purpose),
            RowChange::DeleteMember(user),
            RowChange::DeleteInvitation(self.invitation.id),
            RowChange::DeleteLoginAttemptsOf(user),
            RowChange::DeleteAccessesTo(self.user.stream()),
            RowChange::DeleteStreamState(self.user.stream()),
            RowChange::DeleteSnapshotsBelow(self.user.stream(), self.snapshot.version + 1),
            RowChange::DeleteIdempotentRequest(self.request.key, self.request.claimed_by),
            RowChange::DeleteCredential(user),
            RowChange::DeleteUser(user),
        ]
    }

    /// By every read that there is.
    pub(super) async fn check_is_there(&self, store: &StorePorts) {
        let user = Some(self.user.clone());
        let name = self.company.name.clone();
        let membership = Membership { member: self.member.clone(), company_name: name };
        assert_eq!(self.find_user(store).await, [user.clone(), user.clone(), user]);
        assert_eq!(self.list_user(store).await, slice::from_ref(&self.user));
        self.check_rows(store, true).await;
        let company = store.companies.find(self.company.id).await.expect("reads");
        assert_eq!(company.as_ref(), Some(&self.company));
        assert_eq!(store.members.find(self.user.id).await.expect("reads"), Some(membership));
        assert_eq!(self.list_members(store).await, slice::from_ref(&self.member));
    }

    /// By no read that there is; the company aside.
    pub(super) async fn check_is_absent(&self, store: &StorePorts) {
        assert_eq!(self.find_user(store).await, [None, None, None]);
        assert!(self.list_user(store).await.is_empty());
        self.check_rows(store, false).await;
        assert_eq!(store.members.find(self.user.id).await.expect("reads"), None);
        assert!(self.list_members(store).await.is_empty());
    }

    async fn check_rows(&self, store: &StorePorts, are_there: bool) {
        let (user, stream) = (self.user.id, self.user.stream());
        let credential = store.credentials.find(user).await.expect("reads");
        assert_eq!(credential, some(&self.credential, are_there));
        let session = store.sessions.find(self.session.id).await.expect("reads");
        assert_eq!(session, some(&self.session, are_there));
        let sessions = store.sessions.list_by_user(user).await.expect("reads");
        assert_eq!(sessions, list(&self.session, are_there));
        let code = store.one_time_codes.find(user, self.code.purpose).await.expect("reads");
        assert_eq!(code, some(&self.code, are_there));
        let invitation = store.invitations.find(self.invitation.id).await.expect("reads");
        assert_eq!(invitation, some(&self.invitation, are_there));
        let attempts = store.login_history.list_by_user(user, None, sample::ALL).await.expect("reads");
        assert_eq!(attempts, list(&self.attempt, are_there));
        let looks = store.accesses.list_by_stream(stream, None, sample::ALL).await.expect("reads");
        assert_eq!(looks, list(&self.access, are_there));
        let state = store.streams.find_state(stream).await.expect("reads");
        assert_eq!(state, some(&self.stream_state, are_there));
        let snapshots = store.streams.list_snapshots(stream, sample::ALL).await.expect("reads");
        assert_eq!(snapshots, list(&self.snapshot, are_there));
        let request = store.idempotency_keys.find(self.request.key).await.expect("reads");
        assert_eq!(request, some(&self.request, are_there));
        let subject_key = store.subject_keys.find(user.into()).await.expect("reads");
        assert_eq!(subject_key, some(&self.subject_key, are_there));
    }

    async fn find_user(&self, store: &StorePorts) -> [Option<User>; 3] {
        let profile = &self.user.profile;
        let username = profile.username.as_ref().expect("the sample has one");
        [
            store.users.find(self.user.id).await.expect("reads"),
            store.users.find_by_email(&profile.email).await.expect("reads"),
            store.users.find_by_username(username).await.expect("reads"),
        ]
    }

    async fn list_user(&self, store: &StorePorts) -> Vec<User> {
        let prefix = Some(UserQuery::prefix(self.user.profile.email.as_str()));
        let query = UserQuery { prefix, ..UserQuery::default() };
        store.users.list(&query, None, sample::ALL).await.expect("reads")
    }

    async fn list_members(&self, store: &StorePorts) -> Vec<Member> {
        store.members.list_by_company(self.company.id, None, sample::ALL).await.expect("reads")
    }
}

fn some<T: Clone>(row: &T, is_there: bool) -> Option<T> {
    is_there.then(|| row.clone())
}

fn list<T: Clone>(row: &T, is_there: bool) -> Vec<T> {
    some(row, is_there).into_iter().collect()
}
