//! `CHL` and `QRY`: a server asks whether a client knows its product's key.
//!
//! ```text
//! S: CHL 0 15570131571988941333
//! C: QRY 4 msmsgs@msnmsgr.com 32⏎8f2f5a91b72102cd28355e9fc9000d6e
//! ```
//! Up to MSNP10 the answer is the MD5 of challenge and key; from MSNP11 that digest is folded with
//! the challenge and the product's id (docs: protocol, challenges).

use md5::{Digest as _, Md5};

use crate::version::Version;

/// A product: the name and the key Microsoft gave a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id, sent in the open.
    pub id: &'static str,
    /// Its key, known to both sides.
    pub key: &'static str,
}

/// The products whose keys are public (docs: protocol, challenges).
const PRODUCTS: [Product; 17] = [
    Product { id: "msmsgs@msnmsgr.com", key: "Q1P7W2E4J9R8U3S5" },
    Product { id: "PROD0038W!61ZTF9", key: "VT6PX?UQTM4WM%YR" },
    Product { id: "PROD0058#7IL2{QD", key: "QHDCY@7R1TB6W?5B" },
    Product { id: "PROD0061VRRZH@4F", key: "JXQ6J@TUOGYV@N0M" },
    Product { id: "PROD00504RLUG%WL", key: "I2EBK%PYNLZL5_J4" },
    Product { id: "PROD0076ENE8*@AW", key: "CEQJ8}OE0!WTSWII" },
    Product { id: "PROD0090YUAUV{2B", key: "YMM8C_H7KCQ2S_KL" },
    Product { id: "PROD00974#MT*RC2", key: "LMCVO*18PQJ3H!K3" },
    Product { id: "PROD0101{0RM?UBW", key: "CFHUR$52U_{VIX5T" },
    Product { id: "PROD0104U6VVM{UJ", key: "VK67B}379XYM5}$T" },
    Product { id: "PROD01065C%ZFN6F", key: "O4BG@C7BWLYQX?5G" },
    Product { id: "PROD0112J1LW7%NB", key: "RH96F{PHI8PPX_TJ" },
    Product { id: "PROD0113H11T8$X_", key: "RG@XY*28Q5QHS%Q5" },
    Product { id: "PROD0114ES4Z%Q5W", key: "PK}_A_0N_K%O?A9S" },
    Product { id: "PROD0118R6%2WYOS", key: "YIXPX@5I2P0UT*LK" },
    Product { id: "PROD0119GSJUC$18", key: "ILTXC!4IXB5FB*PX" },
    Product { id: "PROD0120PW!CCV9@", key: "C1BX{V4W}Q3*10SM" },
];

impl Product {
    /// Gives the product to claim at a version: the one of the client that spoke it.
    pub fn for_version(version: Version) -> Self {
        let id = version.product_id();
        // Each of these is in the table; the answer for any other would only be refused.
        Self::by_id(id).unwrap_or(Self { id, key: "" })
    }

    /// Finds a product by its id.
    pub fn by_id(id: &str) -> Option<Self> {
        PRODUCTS.into_iter().find(|product| product.id == id)
    }
}

/// Computes the answer to a challenge: 32 lower-case hexadecimal digits.
pub fn answer(version: Version, product: Product, challenge: &str) -> String {
    let digest = Md5::new().chain_update(challenge).chain_update(product.key).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest);
    if version.has_product_key_challenge() {
        bytes = fold(bytes, challenge, product.id);
    }
    super::hexadecimal(&bytes)
}

/// Tells whether an answer to a challenge is right, as a server must.
pub fn verify(version: Version, product_id: &str, challenge: &str, given: &[u8]) -> bool {
    let product = Product::by_id(product_id);
    product.is_some_and(|product| answer(version, product, challenge).as_bytes() == given)
}

/// Folds a digest with the words of challenge and product id: the MSNP11 algorithm.
fn fold(digest: [u8; 16], challenge: &str, product_id: &str) -> [u8; 16] {
    const MODULUS: u64 = 0x7FFF_FFFF;
    const MAGIC: u64 = 0x0E79_A9C1;

    let [a, b, c, d] = words(&digest).map(|word| u64::from(word) & MODULUS);
    let mut text: Vec<u8> = challenge.bytes().chain(product_id.bytes()).collect();
    text.resize(text.len().next_multiple_of(8), b'0');
    let (mut high, mut low) = (0, 0);
    for pair in text.chunks_exact(8) {
        let mut halves = [0; 2];
        for (half, bytes) in halves.iter_mut().zip(pair.chunks_exact(4)) {
            *half = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        }
        let [first, second] = halves;
        let mixed = (MAGIC * first) % MODULUS + high;
        let mixed = (a * mixed + b) % MODULUS;
        high = (second + mixed) % MODULUS;
        high = (c * high + d) % MODULUS;
        low += high + mixed;
    }
    high = (high + b) % MODULUS;
    low = (low + d) % MODULUS;

    let mut key = [0; 8];
    let both = (low << 32) | high;
    key.copy_from_slice(&both.to_le_bytes());
    let mut out = digest;
    for (byte, key) in out.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    out
}

fn words(digest: &[u8; 16]) -> [u32; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
    }
    words
}
