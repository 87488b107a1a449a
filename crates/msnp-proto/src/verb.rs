//! Verbs as numbers, so that finding one among forty is no search.

/// Gives the number of a three-letter verb; anything else is 0, which no verb is.
pub(crate) const fn code(verb: &[u8]) -> u32 {
    match verb {
        [a, b, c] => u32::from_be_bytes([0, *a, *b, *c]),
        _ => 0,
    }
}

macro_rules! verbs {
    ($($name:ident)+) => {
        $(pub(crate) const $name: u32 = code(stringify!($name).as_bytes());)+
    };
}

verbs! {
    ACK ADC ADD ADG ADL ANS BLP BPR BYE CAL CHG CHL CVR DEL FLN FQY GCF GTC ILN INF IPG IRO JOI LSG
    LST MSG NAK NFY NLN NOT OUT PAG PGD PNG PRP PUT QNG QRY REA REG REM RML RMG RNG SBP SBS SDC SDG
    SYN UBM UBN UBX URL USR UUM UUN UUX VAS VER XFR
}
