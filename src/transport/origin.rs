//! A web origin: scheme, host and port, as browsers write it in `Origin` and as an operator gives it for `--public-url`.
//!
//! Pure. Called by `config` (to refuse what is none), [`super::admit`] and [`super::reach`].

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// `https://stall.example` or `http://127.0.0.1:8720`: in lower case, without the scheme's own port and without a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(Url);

/// The text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give scheme and host, and the port where it is not the scheme's own, such as https://stall.example")]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let url: Url = text.parse().map_err(|_| InvalidOrigin)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let web = matches!(url.scheme(), "https" | "http") && url.has_host();
        if bare && nobody && web { Ok(Self(url)) } else { Err(InvalidOrigin) }
    }
}

impl Origin {
    /// Host, and port unless it is the scheme's own: what the `Host` header of a request to it says.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// True for `https`.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// True when only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the slash that a URL has for a path.
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_brought_to_the_form_of_browsers() {
        for (text, origin, authority) in [
            ("https://Stall.example", "https://stall.example", "stall.example"),
            ("https://stall.example:443/", "https://stall.example", "stall.example"),
            ("http://127.0.0.1:8720", "http://127.0.0.1:8720", "127.0.0.1:8720"),
            ("https://[FD00::1]:8720", "https://[fd00::1]:8720", "[fd00::1]:8720"),
        ] {
            let parsed: Origin = text.parse().unwrap();
            assert_eq!((parsed.to_string().as_str(), parsed.authority()), (origin, authority));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        let bad = [
            "",
            "null",
            "stall.example",
            "ftp://a.example",
            "https://",
            "https://a.example/x",
            "https://a.example/?q",
            "https://u@a.example",
            "file:///etc",
        ];
        for text in bad {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        let is = |text: &str| text.parse::<Origin>().unwrap().is_loopback();
        assert!(is("http://localhost:8720") && is("http://127.0.0.9") && is("http://[::1]:1"));
        assert!(!is("http://192.168.1.5:8720") && !is("https://localhost.example"));
    }
}
