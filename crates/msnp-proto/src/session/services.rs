//! Where the web services of a network are.

use crate::soap::Service;

/// The addresses of the web services beside the notification server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Where the Passport sign-in begins (MSNP8 to 12).
    pub nexus: String,
    /// The Passport login itself; when set, the nexus is not asked.
    pub login: Option<String>,
    /// The token service, `RST.srf` (MSNP13 to 15).
    pub tokens: String,
    /// The token service of SOAP 1.2, `RST2.srf`, asked from MSNP16 on; without one the first.
    pub tokens_2: Option<String>,
    /// The address book.
    pub address_book: String,
    /// Who may see and write.
    pub sharing: String,
    /// The roaming profile.
    pub storage: String,
    /// Offline messages, to be sent.
    pub offline_messages: String,
    /// Offline messages, to be read.
    pub offline_inbox: String,
}

impl Services {
    /// Takes all services to be at one place, such as `https://example.com`, at the paths that
    /// Microsoft's had.
    pub fn at(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        let under = |path: &str| format!("{base}/{path}");
        Self {
            nexus: under("rdr/pprdr.asp"),
            login: None,
            tokens: under("RST.srf"),
            tokens_2: Some(under("RST2.srf")),
            address_book: under("abservice/abservice.asmx"),
            sharing: under("abservice/SharingService.asmx"),
            storage: under("storageservice/SchematizedStore.asmx"),
            offline_messages: under("OimWS/oim.asmx"),
            offline_inbox: under("rsi/rsi.asmx"),
        }
    }

    #[allow(clippy::match_wildcard_for_single_variants, reason = "services may be added")]
    pub(super) fn url(&self, service: Service) -> &str {
        match service {
            Service::AddressBook => &self.address_book,
            Service::OfflineInbox => &self.offline_inbox,
            Service::OfflineMessages => &self.offline_messages,
            Service::Sharing => &self.sharing,
            Service::Storage => &self.storage,
        }
    }
}
