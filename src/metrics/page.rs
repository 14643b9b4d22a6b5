//! The text of a scrape: every family is declared, in the table's order, whether it has samples or not.

use super::names::{ALL, Family};
use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use std::collections::HashMap;
use std::fmt::Write;

/// Samples that are taken at the time of a scrape.
#[derive(Default)]
pub struct Samples(HashMap<&'static str, String>);

impl Samples {
    /// A sample without labels.
    pub fn set(&mut self, family: &Family, value: f64) {
        self.with(family, &[], value);
    }

    /// A sample with the values of the family's labels.
    pub fn with(&mut self, family: &Family, labels: &[&str], value: f64) {
        let out = self.0.entry(family.name).or_default();
        out.push_str(family.name);
        for (at, (name, value)) in family.labels.iter().zip(labels).enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(out, "{before}{name}=\"{}\"", escaped(value));
        }
        if !family.labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The whole page.
pub fn write(gathered: &[MetricFamily], samples: &Samples) -> String {
    let by_name: HashMap<&str, &MetricFamily> =
        gathered.iter().map(|family| (family.name(), family)).collect();
    let mut page = String::with_capacity(16 << 10);
    for family in ALL {
        let counted = by_name.get(family.name).filter(|family| !family.get_metric().is_empty());
        if let Some(counted) = counted {
            // Writing to memory can't fail, and a family with samples is well-formed.
            let _ = TextEncoder::new().encode_utf8(std::slice::from_ref(*counted), &mut page);
            continue;
        }
        let _ = writeln!(page, "# HELP {} {}", family.name, family.help);
        let _ = writeln!(page, "# TYPE {} {}", family.name, family.kind.name());
        if let Some(taken) = samples.0.get(family.name) {
            page.push_str(taken);
        }
    }
    page
}
