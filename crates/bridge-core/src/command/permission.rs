//! Who may do what.

use std::fmt;

use crate::model::UserId;

/// What somebody may do; later ones may do all that earlier ones may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Nothing.
    #[default]
    None,
    /// Have what she says carried where a conversation of somebody else's account is shown.
    Relay,
    /// Sign in and talk.
    User,
    /// See and steer everything.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Relay => "relay",
            Self::User => "user",
            Self::Admin => "admin",
        })
    }
}

/// Roles by user id, by `*:domain`, or by `*`; the most exact one counts.
#[derive(Clone, Debug, Default)]
pub struct Permissions(Vec<(String, Role)>);

impl Permissions {
    /// Takes patterns and their roles.
    pub fn new(patterns: impl IntoIterator<Item = (String, Role)>) -> Self {
        let mut patterns: Vec<_> = patterns.into_iter().collect();
        // Exact ids before domains before everybody.
        patterns.sort_by_key(|(pattern, _)| (pattern.starts_with('*'), pattern == "*"));
        Self(patterns)
    }

    /// Lists the patterns, the most exact first.
    pub fn patterns(&self) -> Vec<(String, Role)> {
        self.0.clone()
    }

    /// Gives the role of a user by a pattern that is meant for her or for some like her: `*` is not.
    pub fn role_by_name(&self, user: &UserId) -> Role {
        if self.pattern(user).is_some_and(|(pattern, _)| pattern != "*") {
            self.role(user)
        } else {
            Role::None
        }
    }

    /// Gives the role of a user; none unless a pattern fits.
    pub fn role(&self, user: &UserId) -> Role {
        self.pattern(user).map_or(Role::None, |(_, role)| *role)
    }

    fn pattern(&self, user: &UserId) -> Option<&(String, Role)> {
        let id = user.id.as_str();
        let fits = |pattern: &str| match pattern.strip_prefix('*') {
            Some("") => true,
            Some(ending) => id.ends_with(ending),
            None => pattern == id,
        };
        self.0.iter().find(|(pattern, _)| fits(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{NetworkId, PersonaId};

    #[test]
    fn the_most_exact_pattern_counts() {
        let permissions = Permissions::new([
            ("*".to_owned(), Role::None),
            ("*:example.com".to_owned(), Role::User),
            ("*:example.org".to_owned(), Role::Relay),
            ("@ada:example.com".to_owned(), Role::Admin),
            ("@eve:example.com".to_owned(), Role::None),
        ]);
        let role = |id: &str| {
            permissions.role(&UserId { network: NetworkId::new("m"), id: PersonaId::new(id) })
        };
        assert_eq!(role("@ada:example.com"), Role::Admin);
        assert_eq!(role("@bob:example.com"), Role::User);
        assert_eq!(role("@eve:example.com"), Role::None);
        assert_eq!(role("@bob:badexample.com"), Role::None);
        assert_eq!(role("@bob:elsewhere.org"), Role::None);
        let everybody = Permissions::new([
            ("*".to_owned(), Role::User),
            ("ada@example.com".to_owned(), Role::Admin),
        ]);
        let by_name = |id: &str| {
            let user = UserId { network: NetworkId::new("m"), id: PersonaId::new(id) };
            everybody.role_by_name(&user)
        };
        assert_eq!(by_name("ada@example.com"), Role::Admin);
        assert_eq!(by_name("eve@example.com"), Role::None);
        assert_eq!(role("@bob:example.org"), Role::Relay);
        assert!(Role::None < Role::Relay && Role::Relay < Role::User && Role::User < Role::Admin);
    }
}
