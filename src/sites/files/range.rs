//! Byte ranges (RFC 9110 §14).

/// Parts that are sent of one file at most; who asks for more gets it whole.
const PARTS_MAX: usize = 16;

/// A part: its first byte, and how many.
pub type Part = (u64, u64);

/// What a `range` header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of it: the header is none we know, or not worth following.
    Whole,
    Parts(Vec<Part>),
    /// Nothing that is in the file.
    Outside,
}

/// Reads a `range` header for a file of `size` bytes.
pub fn asked(header: &str, size: u64) -> Asked {
    let Some((unit, list)) = header.split_once('=') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::Whole;
    }
    let mut parts: Vec<Part> = Vec::new();
    for (count, spec) in list.split(',').map(str::trim).filter(|spec| !spec.is_empty()).enumerate() {
        if count >= PARTS_MAX {
            return Asked::Whole;
        }
        match part(spec, size) {
            Err(()) => return Asked::Whole,
            Ok(None) => {}
            Ok(Some(part)) => parts.push(part),
        }
    }
    if parts.is_empty() {
        return Asked::Outside;
    }
    // Overlapping parts would make a long answer of a short request.
    if parts.iter().map(|(_, length)| length).sum::<u64>() > size {
        return Asked::Whole;
    }
    Asked::Parts(parts)
}

/// `Ok(None)`: well-formed, and outside of the file.
fn part(spec: &str, size: u64) -> Result<Option<Part>, ()> {
    let (first, last) = spec.split_once('-').ok_or(())?;
    let number = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Beyond any size: as good as the end.
        true => Ok(text.parse::<u64>().unwrap_or(u64::MAX)),
        false => Err(()),
    };
    if first.is_empty() {
        if last.is_empty() {
            return Err(());
        }
        let length = number(last)?.min(size);
        return Ok((length > 0).then(|| (size - length, length)));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(());
    }
    Ok((first < size).then(|| (first, last.min(size - 1) - first + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let parts = |list: &[Part]| Asked::Parts(list.to_vec());
        assert_eq!(asked("bytes=0-9", 100), parts(&[(0, 10)]));
        assert_eq!(asked("bytes=90-", 100), parts(&[(90, 10)]));
        assert_eq!(asked("bytes=-10", 100), parts(&[(90, 10)]));
        assert_eq!(asked("bytes=-1000", 100), parts(&[(0, 100)]));
        assert_eq!(asked("Bytes=0-0, 99-200", 100), parts(&[(0, 1), (99, 1)]));
        assert_eq!(asked("bytes=0-0,200-300", 100), parts(&[(0, 1)]));
        assert_eq!(asked("bytes=99999999999999999999999-", 100), Asked::Outside);
        for outside in ["bytes=100-", "bytes=-0", "bytes=200-300", "bytes="] {
            assert_eq!(asked(outside, 100), Asked::Outside, "{outside}");
        }
        for whole in
            ["lines=0-1", "bytes", "bytes=a-b", "bytes=5-2", "bytes=-", "bytes=0-99,0-99", "bytes=+1-2"]
        {
            assert_eq!(asked(whole, 100), Asked::Whole, "{whole}");
        }
        assert_eq!(asked(&format!("bytes={}", "0-0,".repeat(17)), 100), Asked::Whole);
        assert_eq!(asked("bytes=0-0", 0), Asked::Outside);
    }
}
