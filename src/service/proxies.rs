//! Who asks, where a proxy stands in front of the server.
//!
//! Anybody may write into a header where a request comes from. It is believed only of proxies that are named, and only as
//! far as they tell it themselves: from the last entry back to the first that is none of them.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::Deserialize;

use super::Service;

/// Who may tell from where a request comes, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// Networks (`10.0.0.0/8`) and addresses of proxies that are believed; none where none is named.
    pub trusted: Vec<Network>,
    /// The header that they write. The other one is never read: they hand it on as anybody has written it.
    pub header: ProxyHeader,
}

/// A header that tells where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ProxyHeader {
    /// Addresses with commas, each proxy adds one behind.
    #[default]
    #[serde(rename = "X-Forwarded-For")]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// A network: the addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no network: write it like 10.0.0.0/8, 192.0.2.7 or fd00::/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let apart = u64::from(own.to_bits() ^ other.to_bits());
                apart >> (32 - self.bits) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let apart = own.to_bits() ^ other.to_bits();
                apart.checked_shr(128 - u32::from(self.bits)).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

impl Proxies {
    /// Whether an address is that of a proxy that is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.holds(address))
    }

    /// Whether the proxy next to this server, which adds what it says behind, has been reached over TLS.
    fn tell_of_tls(&self, headers: &HeaderMap) -> bool {
        let last = |name: HeaderName| headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        match self.header {
            ProxyHeader::XForwardedFor => {
                let told = last(HeaderName::from_static("x-forwarded-proto"));
                told.and_then(|all| all.rsplit(',').next()).is_some_and(|one| one.trim() == "https")
            }
            ProxyHeader::Forwarded => {
                let told = last(header::FORWARDED).and_then(|all| all.rsplit(',').next());
                let mut pairs = told.into_iter().flat_map(|element| element.split(';'));
                pairs.any(|pair| pair.trim().trim_matches('"').eq_ignore_ascii_case("proto=https"))
            }
        }
    }

    /// From where a request comes that `peer` has sent.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        if !self.trusts(peer) {
            return client;
        }
        let name = match self.header {
            ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ProxyHeader::Forwarded => header::FORWARDED,
        };
        // What is no text is as far as anything can be believed.
        let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?")).collect();
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let told = match self.header {
                ProxyHeader::XForwardedFor => address(entry),
                ProxyHeader::Forwarded => forwarded_for(entry),
            };
            let Some(told) = told else { break };
            client = told;
            if !self.trusts(told) {
                break;
            }
        }
        client
    }
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(address, _)| address);
    let address: Option<IpAddr> = bare.parse().ok();
    address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip())).map(|address| address.to_canonical())
}

/// The address in `for=192.0.2.60;proto=http;by=203.0.113.43` (RFC 7239, section 4); one with a port or of IPv6 is quoted.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// The client has come over TLS: to this server, or to a proxy that is believed and says so (`X-Forwarded-Proto`, or `proto=`
/// of `Forwarded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured;

/// Puts the client's address in the place of that of a proxy that is believed: for limits, logs and the audit log alike.
pub(super) async fn see_through(State(service): State<Service>, mut request: Request, next: Next) -> Response {
    let proxies = service.proxies();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let by_proxy = peer.is_some_and(|peer| proxies.trusts(peer.ip())) && proxies.tell_of_tls(request.headers());
    if by_proxy || service.certificate.is_some() {
        request.extensions_mut().insert(Secured);
    }
    if let Some(peer) = peer.filter(|peer| proxies.trusts(peer.ip())) {
        let client = SocketAddr::new(proxies.client(peer.ip(), request.headers()), peer.port());
        request.extensions_mut().insert(ConnectInfo(client));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, header: ProxyHeader, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7"].map(|network| network.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_named_proxies_are_believed_and_only_what_they_tell_themselves() {
        let of = |peer: &str, value: &str| client(peer, ProxyHeader::XForwardedFor, &[("x-forwarded-for", value)]);
        assert_eq!(of("203.0.113.9", "198.51.100.1"), "203.0.113.9", "a stranger");
        assert_eq!(of("10.1.2.3", "198.51.100.1"), "198.51.100.1");
        assert_eq!(of("::ffff:10.1.2.3", "198.51.100.1:99"), "198.51.100.1");
        assert_eq!(of("10.1.2.3", "1.1.1.1, 198.51.100.1"), "198.51.100.1", "what the client has made up comes first");
        assert_eq!(of("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9, 192.0.2.7"), "198.51.100.1");
        assert_eq!(of("10.1.2.3", "10.0.0.1"), "10.0.0.1", "one of the own network");
        assert_eq!(of("fd00::1", "[2001:db8::5]:99"), "2001:db8::5");
        for nothing in ["", "unknown", "198.51.100.1 198.51.100.2", "\u{e9}"] {
            assert_eq!(of("10.1.2.3", nothing), "10.1.2.3", "{nothing}");
        }
        let two = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client("10.1.2.3", ProxyHeader::XForwardedFor, &two), "198.51.100.1");
        let other = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "198.51.100.1")];
        assert_eq!(client("10.1.2.3", ProxyHeader::XForwardedFor, &other), "198.51.100.1");
        assert_eq!(client("10.1.2.3", ProxyHeader::Forwarded, &other), "1.1.1.1");
        let of = |value: &str| client("10.1.2.3", ProxyHeader::Forwarded, &[("forwarded", value)]);
        assert_eq!(of("for=1.1.1.1, proto=https;For=\"[2001:db8:cafe::17]:4711\";by=10.0.0.1"), "2001:db8:cafe::17");
        assert_eq!(of("for=_hidden"), "10.1.2.3");
    }

    #[test]
    fn networks_are_read_or_refused() {
        let network = |text: &str| text.parse::<Network>();
        let holds = |text: &str, address: &str| network(text).unwrap().holds(address.parse().unwrap());
        assert!(holds("0.0.0.0/0", "203.0.113.9") && holds("::/0", "2001:db8::1") && !holds("::/0", "203.0.113.9"));
        assert!(holds("10.0.0.0/9", "10.127.0.1") && !holds("10.0.0.0/9", "10.128.0.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::") && !holds("2001:db8::/32", "2001:db9::"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "proxy.example", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(network(wrong).is_err(), "{wrong}");
        }
    }
}
