//! Which addresses requests may reach. Judged after the name is resolved, and the connection goes to the very
//! address that was judged, so that no name can change its mind in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Those of a host's addresses that may be reached, or why there are none. The reason does not tell the addresses:
/// whoever made the job need not learn what names resolve to in here.
pub(super) fn permitted(found: Vec<SocketAddr>, opened: &[IpNet]) -> Result<Vec<SocketAddr>, String> {
    let mut refused = None;
    let permitted: Vec<SocketAddr> = found
        .into_iter()
        .filter(|address| {
            let ip = address.ip().to_canonical();
            let is_open = opened.iter().any(|net| net.contains(&ip) || net.contains(&address.ip()));
            let kind = kind(ip).filter(|_| !is_open);
            refused = refused.or(kind);
            kind.is_none()
        })
        .collect();
    match (permitted.is_empty(), refused) {
        (false, _) => Ok(permitted),
        (true, None) => Err("the host has no address".into()),
        (true, Some(kind)) => Err(format!(
            "the host's address is {kind}; only the operator opens such, with --allow-private-destinations CIDR"
        )),
    }
}

/// What keeps an address from being reached; `None`: it is a public one.
fn kind(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => kind_v4(ip),
        IpAddr::V6(ip) => kind_v6(ip),
    }
}

/// By IANA's registry of special-purpose addresses.
fn kind_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        [0, ..] => Some("unspecified"),
        [127, ..] => Some("loopback"),
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => Some("private"),
        [100, 64..=127, ..] => Some("a carrier's (NAT)"),
        [169, 254, ..] => Some("link-local"),
        [192, 0, 0, _] | [192, 88, 99, _] => Some("reserved for protocols"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("for documentation"),
        [198, 18..=19, ..] => Some("for benchmarks"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

/// Only global unicast, less what is not: an allow-list, since most of the space is not assigned.
fn kind_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // Mapped, and NAT64's well-known prefix: as the IPv4 address that it leads to.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            kind_v4(embedded(high, low))
        }
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfeff, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        [0x2002, ..] | [0x2001, 0, ..] => Some("a tunnel's (6to4, Teredo)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("for documentation"),
        [0x2001, 1..=0x1ff, ..] => Some("reserved for protocols"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("reserved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(ips: &[&str], opened: &[&str]) -> Result<Vec<String>, String> {
        let found = ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect();
        let opened: Vec<IpNet> = opened.iter().map(|net| net.parse().unwrap()).collect();
        Ok(permitted(found, &opened)?.iter().map(|address| address.ip().to_string()).collect())
    }

    #[test]
    fn what_is_not_public_is_refused_and_the_refusal_names_the_option() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let refusal = reach(&[ip], &[]).unwrap_err();
            assert!(refusal.contains("--allow-private-destinations"), "{ip}: {refusal}");
            assert!(!refusal.contains(ip), "{refusal}");
        }
    }

    #[test]
    fn public_addresses_are_reached_in_every_form() {
        for ip in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
        ] {
            assert!(reach(&[ip], &[]).is_ok(), "{ip}");
        }
    }

    /// Goal: a name with a public and a private address leads only to the public one.
    #[test]
    fn of_mixed_answers_only_the_public_ones_are_left() {
        let mixed = ["127.0.0.1", "8.8.8.8", "::1", "::ffff:10.0.0.1"];
        assert_eq!(reach(&mixed, &[]).unwrap(), ["8.8.8.8"]);
        assert_eq!(reach(&[], &[]).unwrap_err(), "the host has no address");
    }

    #[test]
    fn the_operator_opens_what_he_names_and_no_more() {
        let open = ["127.0.0.0/8", "fd00::/16"];
        assert!(reach(&["127.0.0.1"], &open).is_ok());
        assert!(reach(&["::ffff:127.0.0.1"], &open).is_ok());
        assert!(reach(&["fd00::1"], &open).is_ok());
        assert!(reach(&["10.0.0.1"], &open).is_err());
        assert!(reach(&["::1"], &open).is_err());
        assert!(reach(&["fd01::1"], &open).is_err());
    }
}
