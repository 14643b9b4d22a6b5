//! The sites by host and path. The table is built when the configuration is read and swapped whole; finding a
//! site takes no lock and allocates nothing.

use super::conf::Conf;
use super::{Kind, Site};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// Paths that a site for every host does not hide: the gateway's own.
const OURS: &[&str] = &["/v1", "/v1beta", "/api", "/healthz", "/readyz", "/metrics", "/dashboard/billing"];

/// The sites in force.
#[derive(Default)]
pub struct Sites(ArcSwap<Table>);

/// Sites, the longest paths first.
type Places = Vec<Arc<Site>>;

#[derive(Default)]
pub struct Table {
    all: Places,
    exact: HashMap<Box<str>, Places>,
    /// By what stands behind `*.`.
    wild: HashMap<Box<str>, Places>,
    any: Places,
}

impl Sites {
    /// Puts a configuration in force. Sites that have not changed keep what they know: files in memory, which
    /// servers are down.
    pub fn configure(&self, confs: &[Conf]) {
        let old = self.0.load_full();
        self.0.store(Arc::new(Table::new(confs, &old.all)));
    }

    /// The site for a request.
    pub fn find(&self, host: Option<&str>, path: &str) -> Option<Arc<Site>> {
        let table = self.0.load();
        if table.all.is_empty() { None } else { table.find(host, path).cloned() }
    }

    pub fn is_empty(&self) -> bool {
        self.0.load().all.is_empty()
    }

    /// Sites with servers, for those who look after their health.
    pub fn with_servers(&self) -> Vec<Arc<Site>> {
        let table = self.0.load();
        table.all.iter().filter(|site| matches!(site.kind, Kind::Servers(_))).cloned().collect()
    }
}

impl Table {
    pub fn new(confs: &[Conf], old: &[Arc<Site>]) -> Table {
        let mut table = Table::default();
        for conf in confs {
            let kept = old.iter().find(|site| site.conf == *conf).cloned();
            let site = kept.unwrap_or_else(|| Arc::new(Site::new(conf.clone())));
            for host in &conf.hosts {
                let places = match host.strip_prefix("*.") {
                    Some(suffix) => table.wild.entry(suffix.into()),
                    None => table.exact.entry(host.as_str().into()),
                };
                places.or_default().push(site.clone());
            }
            if conf.hosts.is_empty() {
                table.any.push(site.clone());
            }
            table.all.push(site);
        }
        let lists = table.exact.values_mut().chain(table.wild.values_mut()).chain([&mut table.any]);
        for places in lists {
            places.sort_by_key(|site| std::cmp::Reverse(site.conf.path.len()));
        }
        table
    }

    fn find(&self, host: Option<&str>, path: &str) -> Option<&Arc<Site>> {
        if let Some(host) = host {
            if let Some(found) = self.exact.get(host).and_then(|places| first(places, path)) {
                return Some(found);
            }
            // The longest suffix wins: `*.a.example` before `*.example`.
            let mut rest = host;
            while let Some((_, suffix)) = rest.split_once('.') {
                if let Some(found) = self.wild.get(suffix).and_then(|places| first(places, path)) {
                    return Some(found);
                }
                rest = suffix;
            }
        }
        if self.any.is_empty() || OURS.iter().any(|ours| within(path, ours)) {
            return None;
        }
        first(&self.any, path)
    }
}

fn first<'p>(places: &'p Places, path: &str) -> Option<&'p Arc<Site>> {
    places.iter().find(|site| within(path, &site.conf.path))
}

/// Whether a path is `prefix` or below it.
pub fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::super::conf;
    use super::*;

    fn site(hosts: &[&str], path: &str) -> Conf {
        let kind = conf::Kind::Redirect { to: "https://x".into(), status: 308 };
        Conf { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), path: path.into(), kind }
    }

    #[test]
    fn hosts_come_before_paths_and_longer_before_shorter() {
        let confs = [
            site(&[], ""),
            site(&[], "/docs"),
            site(&["a.example"], ""),
            site(&["a.example"], "/docs"),
            site(&["*.example"], "/wild"),
            site(&["*.b.example"], ""),
            site(&["only.test"], "/here"),
        ];
        let table = Table::new(&confs, &[]);
        let at = |host: &str, path: &str| {
            let found = table.find(Some(host), path)?;
            confs.iter().position(|conf| *conf == found.conf)
        };
        assert_eq!(at("a.example", "/"), Some(2));
        assert_eq!(at("a.example", "/v1/models"), Some(2));
        assert_eq!(at("a.example", "/docs"), Some(3));
        assert_eq!(at("a.example", "/docs/x"), Some(3));
        assert_eq!(at("a.example", "/docsx"), Some(2));
        assert_eq!(at("c.example", "/wild/x"), Some(4));
        assert_eq!(at("c.example", "/other"), Some(0));
        assert_eq!(at("x.b.example", "/wild"), Some(5));
        assert_eq!(at("x.y.b.example", "/"), Some(5));
        assert_eq!(at("b.example", "/docs/x"), Some(1));
        assert_eq!(at("only.test", "/here/x"), Some(6));
        assert_eq!(at("only.test", "/v1/models"), None);
        for ours in
            ["/v1", "/v1/x", "/v1beta/models", "/api/", "/healthz", "/metrics", "/dashboard/billing/usage"]
        {
            assert_eq!(at("elsewhere", ours), None, "{ours}");
        }
        assert_eq!(at("elsewhere", "/apix"), Some(0));
        assert_eq!(at("elsewhere", "/dashboard"), Some(0));
        assert!(table.find(None, "/").is_some());
    }

    #[test]
    fn what_has_not_changed_is_kept() {
        let sites = Sites::default();
        sites.configure(&[site(&["a"], ""), site(&["b"], "")]);
        let before = sites.find(Some("b"), "/").unwrap();
        sites.configure(&[site(&["c"], ""), site(&["b"], "")]);
        assert!(Arc::ptr_eq(&before, &sites.find(Some("b"), "/").unwrap()));
        assert!(sites.find(Some("a"), "/").is_none());
    }
}
