use chrono::TimeDelta;
use portcullis_domain::{
    company::Company,
    value::{CompanyName, ShortText},
};

use crate::{StoreHarness, StorePorts, sample};

async fn find(store: &StorePorts, company: &Company) -> Option<Company> {
    store.companies.find(company.id).await.expect("reads")
}

/// With every field filled, and with every field empty that can be; in any script; open or closed.
pub async fn a_put_company_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let bare = Company {
        business_number: None,
        industry: None,
        region: None,
        is_active: false,
        version: 1 << 40,
        ..sample::company()
    };
    let mut companies = vec![sample::company(), bare];
    for name in ["(주)한빛", "ООО «Ромашка»", "Jose\u{301} 😀 \\ \" ' % _", "  two  spaces  "]
    {
        let region = Some(ShortText::new("시".repeat(100)));
        companies.push(Company { name: CompanyName::new(name), region, ..sample::company() });
    }
    store.put(companies.iter().map(sample::put_company)).await;
    for company in &companies {
        assert_eq!(find(&store, company).await.as_ref(), Some(company));
    }
    assert_eq!(store.companies.find(sample::id()).await.expect("reads"), None);
}

/// Whole, and of no other company.
pub async fn a_second_put_replaces_the_company<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (company, other) = (store.put_new_company().await, store.put_new_company().await);
    let changed = Company {
        id: company.id,
        version: 8,
        business_number: None,
        industry: Some(ShortText::new("Shoes")),
        region: None,
        is_active: false,
        created_at: company.created_at - TimeDelta::microseconds(5),
        ..sample::company()
    };
    store.put([sample::put_company(&changed)]).await;
    assert_eq!(find(&store, &company).await, Some(changed));
    assert_eq!(find(&store, &other).await, Some(other));
}
