//! Writes the JSON of one report row. A benchmark renders a million of them before it starts to measure.

use std::fmt::{Display, Formatter, Result, Write as _};

use crate::price_list::{Details, PRODUCTS, Product};

/// A cost in 1e-5 of a currency, printed as the vendor's Python prints it: `31.24416`, `12.0`, `7e-05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost(pub i64);

impl Display for Cost {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (whole, fraction) = (self.0 / 100_000, self.0 % 100_000);
        if (1..10).contains(&self.0) {
            return write!(f, "{}e-05", self.0);
        }
        let digits = format!("{fraction:05}");
        let digits = digits.trim_end_matches('0');
        write!(f, "{whole}.{}", if digits.is_empty() { "0" } else { digits })
    }
}

/// Pseudo-random numbers, the same in every run.
#[derive(Clone, Copy, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn uuid(&mut self) -> Uuid {
        Uuid(self.roll(), self.roll())
    }
}

struct Uuid(u64, u64);

impl Display for Uuid {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(high, low) = self;
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0xfff);
        write!(f, "{a:08x}-{b:04x}-4{c:03x}-a{:03x}-{:012x}", (low >> 48) & 0xfff, low & 0xffff_ffff_ffff)
    }
}

/// The fields of one row. The others are random.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// `project_id`.
    pub project: u64,
    /// `region` and `region_id`.
    pub region: u64,
    /// The name of the region.
    pub region_name: &'a str,
    /// Index into [`PRODUCTS`].
    pub product: usize,
    /// Index into the product's variants.
    pub variant: usize,
    /// `cost`.
    pub cost: Cost,
    /// The day of `first_seen` and `last_seen`, such as `2026-05-14`.
    pub day: &'a str,
}

/// The grouping field of a product's totals, if it has one: its name, and whether the variant is its value.
#[must_use]
pub fn grouping(product: &Product) -> Option<&'static str> {
    match product.details {
        Details::Flavored => Some("flavor"),
        Details::Volume | Details::Snapshot | Details::DatabaseVolume => Some("volume_type"),
        Details::FileShare => Some("file_share_type"),
        Details::Egress => Some("instance_type"),
        _ => None,
    }
}

impl Row<'_> {
    /// Appends the row, without anything after its closing brace.
    ///
    /// # Errors
    /// Never in practice, because a write to a string always succeeds.
    pub fn write(&self, out: &mut String, dice: &mut Dice) -> Result {
        let Self { project, region, region_name, cost, day, .. } = *self;
        let Product { resource_type, unit, feature, metric_suffix, variants, .. } = PRODUCTS[self.product];
        let variant = variants[self.variant];
        write!(
            out,
            r#"{{"billing_feature_name":"{feature} {variant} {region_name} - PAYG","billing_metric_name":"{variant}{metric_suffix}","billing_value":"#
        )?;
        match unit {
            "minutes" => write!(out, "{}", 1 + dice.below(1440))?,
            "gbminutes" => write!(out, "{}", 1440 * (1 + dice.below(500)))?,
            "bytes" => write!(out, "{}", dice.below(1 << 40))?,
            _ => write!(out, "{}.{}", dice.below(9000), 1 + dice.below(9))?,
        }
        let (from, to) = (dice.below(12), 12 + dice.below(12));
        write!(
            out,
            r#","billing_value_unit":"{unit}","cost":{cost},"currency":"EUR","err":null,"first_seen":"{day}T{from:02}:00:30Z","last_seen":"{day}T{to:02}:59:30Z","project_id":{project},"region":{region},"region_id":{region},"type":"{resource_type}""#
        )?;
        self.details(out, variant, dice)?;
        out.push('}');
        Ok(())
    }

    fn details(&self, out: &mut String, variant: &str, dice: &mut Dice) -> Result {
        let name = Name(PRODUCTS[self.product].resource_type, dice.below(10_000));
        let size = 5 * (1 + dice.below(200));
        match PRODUCTS[self.product].details {
            Details::Flavored => {
                write!(out, r#","flavor":"{variant}","last_name":"{name}","uuid":"{}""#, dice.uuid())?;
                tags(out, dice)
            }
            Details::Inference => {
                write!(out, r#","flavor":"{variant}","last_name":"{name}","uuid":"{}""#, dice.uuid())
            }
            Details::Volume => {
                attached(out, dice)?;
                write!(
                    out,
                    r#","last_name":"{name}","last_size":{size},"size_unit":"GiB","volume_type":"{variant}","uuid":"{}""#,
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            Details::Snapshot => {
                write!(
                    out,
                    r#","last_name":"{name}","last_size":{size},"size_unit":"GiB","source_volume_uuid":"{}","volume_type":"{variant}","uuid":"{}""#,
                    dice.uuid(),
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            Details::Backup => write!(
                out,
                r#","last_name":"{name}","last_size":46137344,"schedule_id":"{}","source_volume_uuid":"{}","uuid":"{}""#,
                dice.uuid(),
                dice.uuid(),
                dice.uuid()
            ),
            Details::FileShare => {
                write!(
                    out,
                    r#","file_share_type":"{variant}","last_name":"{name}","last_size":{size},"size_unit":"GiB","uuid":"{}""#,
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            Details::Image => {
                write!(
                    out,
                    r#","last_name":"{name}","last_size":{size}000000,"size_unit":"bytes","uuid":"{}""#,
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            _ => self.other_details(out, variant, &name, dice),
        }
    }

    fn other_details(&self, out: &mut String, variant: &str, name: &Name, dice: &mut Dice) -> Result {
        match PRODUCTS[self.product].details {
            Details::LogIndex => {
                write!(out, r#","last_name":"{name}","last_size":268435456,"size_unit":"bytes","uuid":null"#)
            }
            Details::FloatingIp => {
                let host = dice.below(256);
                write!(
                    out,
                    r#","ip_address":"203.0.113.{host}","last_name":"203.0.113.{host}","uuid":"{}""#,
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            Details::ExternalIp => {
                attached(out, dice)?;
                write!(
                    out,
                    r#","ip_address":"198.51.100.{}","network_id":"{}","port_id":"{}","subnet_id":"{}""#,
                    dice.below(256),
                    dice.uuid(),
                    dice.uuid(),
                    dice.uuid()
                )
            }
            Details::Egress => {
                write!(
                    out,
                    r#","instance_name":"{name}","instance_type":"{variant}","port_id":"{}","size_unit":"bytes","vm_id":"{}""#,
                    dice.uuid(),
                    dice.uuid()
                )?;
                tags(out, dice)
            }
            Details::DatabaseVolume => write!(
                out,
                r#","last_name":"{name}","size_unit":"GiB","volume_type":"{variant}","uuid":"{}""#,
                dice.uuid()
            ),
            _ => write!(out, r#","last_name":"{name}","uuid":"{}""#, dice.uuid()),
        }
    }
}

struct Name(&'static str, u64);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "shop-{}-{}", self.0, self.1)
    }
}

fn attached(out: &mut String, dice: &mut Dice) -> Result {
    match dice.below(4) {
        0 => write!(out, r#","attached_to_vm":null"#),
        _ => write!(out, r#","attached_to_vm":"{}""#, dice.uuid()),
    }
}

fn tags(out: &mut String, dice: &mut Dice) -> Result {
    out.push_str(match dice.below(6) {
        0 => r#","tags":null"#,
        1 => r#","tags":[]"#,
        2 => r#","tags":[{"env":"test"}]"#,
        3 => r#","tags":[{"env":"prod"},{"cost-center":"shop"}]"#,
        _ => r#","tags":[{"env":"prod"},{"cost-center":"shop"},{"os_distro":"ubuntu"}]"#,
    });
    Ok(())
}
