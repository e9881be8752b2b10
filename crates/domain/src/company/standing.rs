//! What the use cases on a company share: where the caller stands in it, and the commit of what they decided.

use chrono::{DateTime, Utc};

use super::{Company, CompanyEvent, Member, MembershipError};
use crate::{
    caller::{Caller, Origin},
    commit::{Commit, CommitError, RowChange},
    id::{CompanyId, UserId},
    identity::{CompanyDecision, Identity},
    port::StoreError,
    seal::DataKey,
};

/// The caller's company and what they are to it.
pub(crate) struct Standing {
    pub(crate) company: Company,
    pub(crate) member: Member,
}

impl CompanyDecision {
    /// What happened to one membership, with the row that follows from it.
    pub(crate) fn of_member(
        company: CompanyId,
        before: Option<&Member>,
        event: CompanyEvent,
        now: DateTime<Utc>,
    ) -> Self {
        let mut decision = Self::default();
        decision.add_of_member(company, before, event, now);
        decision
    }

    /// Adds what happened to one membership.
    pub(crate) fn add_of_member(
        &mut self,
        company: CompanyId,
        before: Option<&Member>,
        event: CompanyEvent,
        now: DateTime<Utc>,
    ) {
        let left = before.map(|member| RowChange::DeleteMember(member.user));
        let after = Member::apply(before.cloned(), company, &event, now).map(RowChange::PutMember);
        self.rows.extend(after.or(left));
        self.events.push(event);
    }

    /// A membership after what was decided about it.
    pub(crate) fn member_after(&self, before: Option<Member>, now: DateTime<Utc>) -> Option<Member> {
        let company = before.as_ref()?.company;
        self.events.iter().fold(before, |state, event| Member::apply(state, company, event, now))
    }
}

impl Member {
    /// Whether the company would be without an owner if they were one no longer. `owners` are its active owners, two of them at least if there
    /// are so many.
    pub(super) fn is_last_owner(&self, owners: &[Self]) -> bool {
        self.is_owner() && owners.iter().all(|owner| owner.user == self.user)
    }
}

impl Identity {
    /// The caller's company and what they are to it. The membership is read after the company, so that the company's version guards it.
    pub(crate) async fn standing_in_company<E>(&self, caller: &Caller) -> Result<Standing, E>
    where
        E: From<MembershipError> + From<StoreError>,
    {
        let first = self.ports().members.find(caller.user).await?.ok_or(MembershipError::NoCompany)?;
        let company = self.ports().companies.find(first.member.company).await?;
        let company = company.ok_or_else(|| StoreError::corrupt("a member of no company"))?;
        let member = self.member_of(&company, caller.user).await?.ok_or(MembershipError::NoCompany)?;
        Ok(Standing { company, member })
    }

    /// A person's membership of just this company.
    pub(crate) async fn member_of(
        &self,
        company: &Company,
        user: UserId,
    ) -> Result<Option<Member>, StoreError> {
        let membership = self.ports().members.find(user).await?;
        Ok(membership.map(|found| found.member).filter(|member| member.company == company.id))
    }

    /// Two of a company's active owners, or the one: enough to tell whether one is the last.
    pub(crate) async fn two_owners(&self, company: &Company) -> Result<Vec<Member>, StoreError> {
        self.ports().members.list_owners(company.id, 2).await
    }

    /// A company's data key, which is never destroyed.
    pub(crate) async fn company_key(&self, company: CompanyId) -> Result<DataKey, StoreError> {
        self.data_key(company.into())
            .await?
            .ok_or_else(|| StoreError::corrupt("a company without a data key"))
    }

    /// Commits what the caller decided about a company; returns the company after it.
    pub(crate) async fn record_company(
        &self,
        caller: &Caller,
        origin: &Origin,
        company: Company,
        decision: CompanyDecision,
        now: DateTime<Utc>,
    ) -> Result<Company, CommitError> {
        if decision.events.is_empty() {
            return Ok(company);
        }
        let key = self.company_key(company.id).await?;
        let act = self.act_of(caller, origin, now).await?;
        let mut commit = Commit::default();
        let after = self.stage_company(&mut commit, company.id, Some(&company), &key, &act, decision);
        self.ports().events.commit(commit).await?;
        Ok(after.unwrap_or(company))
    }
}
