//! Under which address people reach this server: what the QR code carries and `serve` prints.
//!
//! `--public-url` says it; else the machine's address in the local network, where it listens there with a certificate of its own;
//! else the address that the merchant's own browser used. Knows interfaces, no HTTP. Called by `server` and [`super::rooms`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::{origin::Origin, tls::Names};

/// How this server is reached.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What the operator says.
    pub public: Option<Origin>,
    /// Where it listens, with the port it got.
    pub listen: SocketAddr,
    /// How connections are protected.
    pub security: Security,
}

/// How connections are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Plain http: on loopback, or behind a proxy that does TLS.
    Plain,
    /// TLS with a certificate that names the machine's addresses.
    Own,
    /// TLS with the operator's certificate: for names that the operator knows.
    Given,
}

impl Reach {
    /// On loopback, plain: for tests and for who has nothing to say.
    pub fn loopback(listen: SocketAddr) -> Self {
        Self { public: None, listen, security: Security::Plain }
    }

    /// The address for the QR code. `seen` is the one that the merchant's browser used.
    pub fn join_url(&self, seen: Option<&Origin>) -> String {
        self.join_url_with(seen, || local_address(self.listen.ip()))
    }

    fn join_url_with(&self, seen: Option<&Origin>, local: impl FnOnce() -> Option<IpAddr>) -> String {
        if let Some(public) = &self.public {
            return public.to_string();
        }
        // Nobody else reaches a loopback address, and a proxy's own address is not ours.
        let seen_by_others = seen.filter(|s| !s.is_loopback());
        let by_name = match self.security {
            Security::Own => None,
            Security::Given | Security::Plain => seen_by_others,
        };
        let local = || local().filter(|ip| !ip.is_loopback()).map(|ip| self.url_of(ip));
        by_name
            .map(ToString::to_string)
            .or_else(local)
            .or_else(|| seen.map(ToString::to_string))
            .unwrap_or_else(|| self.url_of(self.listen.ip()))
    }

    /// The address to print.
    pub fn url(&self) -> String {
        self.join_url(None)
    }

    /// True when phones cannot reach it.
    pub fn is_local_only(&self) -> bool {
        self.public.is_none() && self.listen.ip().is_loopback()
    }

    fn url_of(&self, ip: IpAddr) -> String {
        let scheme = if self.security == Security::Plain { "http" } else { "https" };
        let ip = if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip };
        let url = format!("{scheme}://{}", SocketAddr::new(ip, self.listen.port()));
        // Without the scheme's own port.
        url.parse::<Origin>().map_or(url, |origin| origin.to_string())
    }
}

/// The names for a certificate of this machine's own.
pub fn names() -> Names {
    let host = gethostname::gethostname();
    Names::new(host.to_str(), interfaces().into_iter().map(|i| i.ip))
}

/// An address of this machine, on which interface.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Interface {
    name: String,
    ip: IpAddr,
}

/// Those that others may reach: no loopback, no link-local.
fn interfaces() -> Vec<Interface> {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let all = all.into_iter().filter(|i| !i.is_loopback() && !i.is_link_local());
    all.map(|i| Interface { ip: i.ip(), name: i.name }).collect()
}

/// The machine's address as phones in the same network see it, when it listens on `listen`.
fn local_address(listen: IpAddr) -> Option<IpAddr> {
    if !listen.is_unspecified() {
        return Some(listen);
    }
    choose(&interfaces(), routed())
}

/// The address from which this machine would send to the internet. Sends nothing: connecting a datagram socket only looks up the
/// route. 192.0.2.1 is a documentation address that nobody has.
fn routed() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|a| a.ip())
}

/// The address that a phone in the same Wi-Fi most probably reaches: private ones first, real cards before those of containers and
/// tunnels, and the one with the way to the internet among equals.
fn choose(interfaces: &[Interface], routed: Option<IpAddr>) -> Option<IpAddr> {
    let virtual_names =
        ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "tun", "tap", "wg", "utun", "tailscale", "zt", "cni", "podman"];
    let rank = |i: &&Interface| {
        let ours = virtual_names.iter().any(|prefix| i.name.starts_with(prefix));
        let private = matches!(i.ip, IpAddr::V4(ip) if ip.is_private());
        (ours, !i.ip.is_ipv4(), !private, Some(i.ip) != routed)
    };
    interfaces.iter().min_by_key(rank).map(|i| i.ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(listen: &str, security: Security) -> Reach {
        Reach { public: None, listen: listen.parse().unwrap(), security }
    }

    fn origin(text: &str) -> Option<Origin> {
        Some(text.parse().unwrap())
    }

    fn lan() -> Option<IpAddr> {
        Some(IpAddr::from([192, 168, 1, 5]))
    }

    #[test]
    fn the_qr_code_carries_what_a_phone_can_reach() {
        let own = reach("0.0.0.0:8720", Security::Own);
        let here = origin("https://localhost:8720");
        assert_eq!(own.join_url_with(here.as_ref(), lan), "https://192.168.1.5:8720");
        assert_eq!(own.join_url_with(origin("https://stall.local:8720").as_ref(), lan), "https://192.168.1.5:8720");
        assert_eq!(own.join_url_with(here.as_ref(), || None), "https://localhost:8720", "no network: at least the merchant's");
        let given = reach("0.0.0.0:443", Security::Given);
        assert_eq!(given.join_url_with(origin("https://stall.example").as_ref(), lan), "https://stall.example");
        assert_eq!(given.join_url_with(here.as_ref(), lan), "https://192.168.1.5");
        let proxied = reach("127.0.0.1:8720", Security::Plain);
        assert_eq!(proxied.join_url_with(origin("https://stall.example").as_ref(), lan), "https://stall.example");
        let public = Reach { public: origin("https://stall.example/"), ..own };
        assert_eq!(public.join_url_with(here.as_ref(), lan), "https://stall.example");
    }

    #[test]
    fn on_loopback_it_is_the_loopback_address() {
        let reach = Reach::loopback("127.0.0.1:8720".parse().unwrap());
        assert_eq!(reach.url(), "http://127.0.0.1:8720");
        assert_eq!(reach.join_url(origin("http://localhost:8720").as_ref()), "http://localhost:8720");
        assert!(reach.is_local_only());
        assert!(!Reach { public: origin("https://stall.example"), ..reach }.is_local_only());
    }

    #[test]
    fn the_wireless_card_comes_before_containers_and_tunnels() {
        let interface = |name: &str, ip: &str| Interface { name: name.into(), ip: ip.parse().unwrap() };
        let docker = interface("docker0", "172.17.0.1");
        let wifi = interface("wlan0", "192.168.1.5");
        let cable = interface("eth0", "10.0.0.2");
        let tunnel = interface("tun0", "10.8.0.2");
        let public = interface("eth1", "203.0.113.4");
        let six = interface("wlan0", "2001:db8::7");
        let all = [docker.clone(), six.clone(), tunnel.clone(), public.clone(), wifi.clone(), cable.clone()];
        assert_eq!(choose(&all, Some(cable.ip)), Some(cable.ip), "the way to the internet among equals");
        assert_eq!(choose(&all, Some(tunnel.ip)), Some(wifi.ip), "but no tunnel");
        assert_eq!(choose(&[docker.clone(), public.clone()], None), Some(public.ip));
        assert_eq!(choose(&[docker, six.clone()], None), Some(six.ip));
        assert_eq!(choose(&[], None), None);
    }
}
