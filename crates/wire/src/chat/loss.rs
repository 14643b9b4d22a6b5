//! What was lost on the way to a vendor.

/// Something of the request that the vendor's dialect can't say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// In the caller's words: `messages[2].content[0]`, `logit_bias`.
    pub path: String,
    pub what: LossKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossKind {
    /// It changes what is generated or billed, and was left out.
    Dropped,
    /// Said in another way that means about the same.
    Approximated,
    /// A number beyond what the vendor takes was moved to its nearest bound.
    Clamped,
}

/// Losses of a kind that the header names; of others it tells the number.
const HEADER_MAX: usize = 20;

/// A path as a header can hold it: callers name members as they like.
fn visible(path: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_graphic() && letter != ',' { letter } else { '?' };
    path.chars().take(100).map(plain).collect()
}

/// What a writer could not carry over, for the `x-magic-warning` header and strict callers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Losses(pub Vec<Loss>);

impl Losses {
    pub fn dropped(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Dropped);
    }

    pub fn approximated(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Approximated);
    }

    pub fn clamped(&mut self, path: impl Into<String>) {
        self.add(path, LossKind::Clamped);
    }

    fn add(&mut self, path: impl Into<String>, what: LossKind) {
        let loss = Loss { path: path.into(), what };
        if !self.0.contains(&loss) {
            self.0.push(loss);
        }
    }

    /// The value of `x-magic-warning`: `dropped=a,b; approximated=c`.
    pub fn header(&self) -> Option<String> {
        let named = |kind: LossKind, name: &str| {
            let all = || self.0.iter().filter(|loss| loss.what == kind);
            let mut paths: Vec<String> = all().take(HEADER_MAX).map(|loss| visible(&loss.path)).collect();
            let more = all().count() - paths.len();
            if more > 0 {
                paths.push(format!("{more} more"));
            }
            (!paths.is_empty()).then(|| format!("{name}={}", paths.join(",")))
        };
        let parts: Vec<String> = [
            named(LossKind::Dropped, "dropped"),
            named(LossKind::Approximated, "approximated"),
            named(LossKind::Clamped, "clamped"),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
