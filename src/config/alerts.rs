//! `[[alerts.budget]]`, and the keys that several tables of `[alerts]` share.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::AccountName;
use crate::collect;
use crate::config::accounts::types;
use crate::config::key_path::{Key, hint};
use crate::config::key_reader::Reader;
use crate::insights::budget::{Budget, Selector};
use gcore_api::billing::amount::Amount;
use gcore_api::billing::resource::{Currency, ProjectId, RegionId, ResourceType};

/// The accounts of the configuration.
pub(super) type Accounts = BTreeMap<AccountName, gcore_api::http::settings::Settings>;

/// `[[alerts.budget]]`, one table for each budget.
pub(super) fn budgets(
    reader: &mut Reader,
    accounts: &Accounts,
    collect: &collect::settings::Settings,
    warnings: &mut Vec<String>,
) -> Vec<Budget> {
    let table = Key::new(["alerts"]);
    reader.table(&table);
    let key = table.child("budget");
    if reader.is_set(&key) && !(collect.history.schedule.enabled && collect.cost.schedule.enabled) {
        let problem = "needs the costs and their history: set collect.cost.enabled = true and collect.history.enabled = \
                       true, or leave the budgets out";
        reader.fault(&key, problem);
    }
    let mut names = BTreeSet::new();
    let mut budgets = Vec::new();
    for table in reader.tables(&key) {
        let budget = budget(reader, &table, accounts, warnings);
        if let Some(budget) = budget {
            if !names.insert((budget.account.clone(), budget.name.clone())) {
                reader.fault(&table.child("name"), "another budget of the account has this name: choose another one");
            }
            budgets.push(budget);
        }
    }
    budgets
}

fn budget(reader: &mut Reader, table: &Key, accounts: &Accounts, warnings: &mut Vec<String>) -> Option<Budget> {
    // All keys are read before the return, so that all faults are found.
    let name = name(reader, &table.child("name"), "name the budget, such as \"prod\"");
    let account = account(reader, &table.child("account"), accounts);
    let selector = selector(reader, table, warnings);
    let amount = amount(reader, &table.child("amount"), "say how much may be spent in a month, such as 2500");
    let currency = currency(reader, &table.child("currency"));
    Some(Budget { name: name?, account: account?, selector, amount: amount?, currency: currency? })
}

/// A name. `what` is the advice if it is missing.
pub(super) fn name(reader: &mut Reader, key: &Key, what: &str) -> Option<String> {
    let name = required(reader, key, what, Reader::text)?;
    if name.trim().is_empty() {
        reader.fault(key, format!("is empty: {what}"));
        return None;
    }
    Some(name)
}

pub(super) fn account(reader: &mut Reader, key: &Key, accounts: &Accounts) -> Option<AccountName> {
    let word = reader.text(key);
    let mut known = accounts.keys();
    if let (None, false, Some(only), None) = (&word, reader.is_faulty(key), known.next(), known.next()) {
        return Some(only.clone());
    }
    let list = accounts.keys().map(AccountName::as_str).collect::<Vec<_>>().join(", ");
    let Some(word) = word else {
        if !reader.is_faulty(key) && !accounts.is_empty() {
            reader.fault(key, format!("is not set: there are several accounts, so name one of {list}"));
        }
        return None;
    };
    let account = accounts.keys().find(|account| account.as_str() == word).cloned();
    if account.is_none() {
        let hint = hint(&word, accounts.keys().map(AccountName::as_str));
        reader.fault(key, format!("is no configured account; there is {list}{hint}"));
    }
    account
}

/// The selected costs: `projects`, `regions`, `types`.
pub(super) fn selector(reader: &mut Reader, table: &Key, warnings: &mut Vec<String>) -> Selector {
    let mut ids = |name| reader.integers(&table.child(name)).unwrap_or_default();
    let (projects, regions) = (ids("projects"), ids("regions"));
    let types = types(reader, &table.child("types"), warnings);
    Selector {
        projects: projects.into_iter().map(ProjectId).collect(),
        regions: regions.into_iter().map(RegionId).collect(),
        types: types.iter().map(|word| ResourceType::new(word)).collect(),
    }
}

pub(super) fn amount(reader: &mut Reader, key: &Key, what: &str) -> Option<Amount> {
    let text = required(reader, key, what, Reader::decimal)?;
    match text.parse::<Amount>() {
        Ok(amount) if amount > Amount::ZERO => Some(amount),
        Ok(_) => {
            reader.fault(key, "must be more than 0");
            None
        }
        Err(error) => {
            reader.fault(key, format!("must be an amount of money such as 2500 or \"2500.50\": {error}"));
            None
        }
    }
}

pub(super) fn currency(reader: &mut Reader, key: &Key) -> Option<Currency> {
    let code = required(reader, key, "name the currency of the amount, such as \"EUR\"", Reader::text)?;
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(Currency::new(&code));
    }
    reader.fault(key, "must be three capital letters, such as \"EUR\"");
    None
}

/// A value without a default.
pub(super) fn required<T>(
    reader: &mut Reader,
    key: &Key,
    what: &str,
    read: impl FnOnce(&mut Reader, &Key) -> Option<T>,
) -> Option<T> {
    let value = read(reader, key);
    if value.is_none() && !reader.is_faulty(key) {
        reader.fault(key, format!("is not set: {what}"));
    }
    value
}
