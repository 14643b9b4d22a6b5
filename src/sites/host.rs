//! Which host a request is for: the target's authority where it has one, else the `host` header.

use http::header::HOST;
use pingora_http::RequestHeader;

/// Room for a name in lower case: no name is longer.
pub type Room = [u8; 256];

/// The authority as the caller wrote it.
pub fn authority(head: &RequestHeader) -> Option<&str> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => head.headers.get(HOST)?.to_str().ok(),
    }
}

/// The name without its port, in lower case. `None`: there is none, or it is no name.
pub fn of<'r>(head: &RequestHeader, room: &'r mut Room) -> Option<&'r str> {
    let (name, _) = split(authority(head)?)?;
    let name = name.strip_suffix('.').unwrap_or(name);
    let room = room.get_mut(..name.len())?;
    room.copy_from_slice(name.as_bytes());
    room.make_ascii_lowercase();
    std::str::from_utf8(room).ok()
}

/// An authority's name and port, where both are well-formed.
pub fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at_checked(end)?;
    let port = match port.strip_prefix(':') {
        Some(digits) if !digits.is_empty() => Some(digits.parse().ok()?),
        Some(_) => None,
        None if port.is_empty() => None,
        None => return None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let sound = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.bytes().all(plain),
    };
    (sound && !name.is_empty() && name.len() < 256).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_told_apart() {
        assert_eq!(split("Example.com"), Some(("Example.com", None)));
        assert_eq!(split("a.b:8080"), Some(("a.b", Some(8080))));
        assert_eq!(split("[::1]:80"), Some(("[::1]", Some(80))));
        assert_eq!(split("[::1]"), Some(("[::1]", None)));
        for bad in ["", ":80", "a/b", "a b", "a@b", "a:x", "a:99999", "[::1", "[x]", "a\r\nb", "[::1]x", "ä"]
        {
            assert_eq!(split(bad), None, "{bad:?}");
        }
    }
}
