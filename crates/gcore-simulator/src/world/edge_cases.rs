//! The edge cases of reports: odd but legal rows.

use jiff::SignedDuration;

use super::company::{ARCHIVE, DATA, FRANKFURT, LAUNCH, LUXEMBOURG, MANASSAS, ML_LAB, PARTNER, SHOP};
use super::details::Details;
use super::meter::Price;
use super::product;
use super::resources::Estate;
use super::workload::Load;
use crate::days::{midnight, utc_date};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Estate<'_> {
    /// Adds all edge cases.
    pub(super) fn oddities(&mut self) {
        self.without_a_price();
        self.priced_with_a_remark();
        self.given_back();
        self.resized();
        self.public_models();
    }

    fn without_a_price(&mut self) {
        // Without a price, with a reason, and without a currency. No other row has this project, region and type.
        for name in ["llm-chat", "llm-embed"] {
            let meter = self.inference(ML_LAB, LUXEMBOURG, name);
            meter.price = Price::Unknown { currency: None, err: Some("Price for the feature was not found") };
            meter.feature = None;
        }
        // Without a price, with a reason, beside backups with a price.
        let site = self.site(DATA, LUXEMBOURG);
        let source = self.dice.uuid();
        self.backup(site, "warehouse", source.clone());
        let meter = self.backup(site, "warehouse-2", source);
        meter.price = Price::Unknown { currency: Some("EUR"), err: Some("Billing is unavailable") };
        meter.feature = None;
        // Without a price and without a reason: one alone in its group, one beside others.
        let site = self.site(ML_LAB, LUXEMBOURG);
        self.machine(site, product::AI_VIRTUAL_CLUSTER, "trial", Load::STEADY);
        self.remove_the_last_price();
        let site = self.site(SHOP, FRANKFURT);
        self.machine(site, product::INSTANCES[2], "web-new-price", Load::STEADY);
        self.remove_the_last_price();
    }

    fn remove_the_last_price(&mut self) {
        if let Some(meter) = self.meters.last_mut() {
            meter.price = Price::Unknown { currency: None, err: None };
            meter.feature = None;
        }
    }

    /// A row with a cost and an error text. The cost counts.
    fn priced_with_a_remark(&mut self) {
        let site = self.site(PARTNER, MANASSAS);
        self.machine(site, product::INSTANCES[1], "web-old-price", Load::STEADY);
        if let Some(meter) = self.meters.last_mut()
            && let Price::PerUnit { err, .. } = &mut meter.price
        {
            *err = Some("Price of the previous period was used");
        }
    }

    /// A correction for an outage: a negative cost on each of the three days before today.
    fn given_back(&mut self) {
        let today = midnight(utc_date(self.born));
        let site = self.site(ARCHIVE, LUXEMBOURG).during(today - 72 * HOUR, Some(today));
        let meter = self.volume(site, None, "correction: outage", 100);
        if let Price::PerUnit { price, .. } = &mut meter.price {
            *price = -*price;
        }
        // The volume that the correction is for.
        let site = self.site(ARCHIVE, LUXEMBOURG);
        self.volume(site, None, "vault", 1_000);
    }

    /// The newest type, with its own unit.
    fn public_models(&mut self) {
        let site = self.site(LAUNCH, MANASSAS);
        let details = Details::Named { last_name: "assistant".into(), uuid: self.dice.uuid() };
        self.rent(site, product::PUBLIC_MODELS, 4_000_000 * 1_000_000, Load::CUSTOMERS, details);
    }

    /// One machine with two flavors in turn: two rows with the same uuid.
    fn resized(&mut self) {
        let resized_at = self.born - 9 * 24 * HOUR;
        let before = self.site(SHOP, LUXEMBOURG);
        let after = before.during(resized_at, None);
        let first = self.meters.len();
        self.machine(
            before.during(resized_at - 100 * 24 * HOUR, Some(resized_at)),
            product::INSTANCES[1],
            "cart",
            Load::STEADY,
        );
        self.machine(after, product::INSTANCES[2], "cart", Load::STEADY);
        if let [small, large] = &mut self.meters[first..] {
            large.details.share_uuid(&small.details);
        }
    }
}
