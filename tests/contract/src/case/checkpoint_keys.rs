use portcullis_domain::{checkpoint::Signature, port::SignatureError};

use crate::CheckpointKeysHarness;

const BYTES: &[u8] = b"portcullis checkpoint v1\0 and some more";

/// What was just signed is believed.
pub async fn what_is_signed_verifies<H: CheckpointKeysHarness>() {
    let harness = H::start();
    let (signer, verifier) = (harness.signer(), harness.verifier());
    let long = vec![0; 100_000];
    for bytes in [BYTES, b"", &long] {
        assert_eq!(verifier.verify(&signer.key_id(), bytes, &signer.sign(bytes)), Ok(()));
    }
}

/// Whoever checks an export has no more than these.
pub async fn what_is_signed_verifies_with_the_public_keys_alone<H: CheckpointKeysHarness>() {
    let harness = H::start();
    let signer = harness.signer();
    let keys = harness.verifier().public_keys();
    assert!(keys.iter().any(|key| key.id == signer.key_id()), "the key that signs is among them");
    let verifier = H::of_public_keys(&keys);
    assert_eq!(verifier.public_keys(), keys);
    assert_eq!(verifier.verify(&signer.key_id(), BYTES, &signer.sign(BYTES)), Ok(()));
}

/// One bit is enough.
pub async fn other_bytes_are_invalid<H: CheckpointKeysHarness>() {
    let harness = H::start();
    let (signer, verifier) = (harness.signer(), harness.verifier());
    let signature = signer.sign(BYTES);
    for bit in 0..BYTES.len() * 8 {
        let mut other = BYTES.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(verifier.verify(&signer.key_id(), &other, &signature), Err(SignatureError::Invalid));
    }
    assert_eq!(
        verifier.verify(&signer.key_id(), &BYTES[..BYTES.len() - 1], &signature),
        Err(SignatureError::Invalid)
    );
}

/// Every bit of it counts.
pub async fn another_signature_is_invalid<H: CheckpointKeysHarness>() {
    let harness = H::start();
    let (signer, verifier) = (harness.signer(), harness.verifier());
    let signature = signer.sign(BYTES);
    for bit in 0..512 {
        let mut other = *signature.as_bytes();
        other[bit / 8] ^= 1 << (bit % 8);
        let other = Signature::new(other);
        assert_eq!(
            verifier.verify(&signer.key_id(), BYTES, &other),
            Err(SignatureError::Invalid),
            "bit {bit}"
        );
    }
    for other in [[0; 64], [255; 64]] {
        let other = Signature::new(other);
        assert_eq!(verifier.verify(&signer.key_id(), BYTES, &other), Err(SignatureError::Invalid));
    }
}

/// Of whomever a checkpoint says it is.
pub async fn a_strangers_key_is_unknown<H: CheckpointKeysHarness>() {
    let (harness, stranger) = (H::start(), H::start());
    let (signer, theirs) = (harness.signer(), stranger.signer());
    let verifier = harness.verifier();
    let unknown = verifier.verify(&theirs.key_id(), BYTES, &theirs.sign(BYTES));
    assert_eq!(unknown, Err(SignatureError::UnknownKey));
    assert_eq!(verifier.verify("", BYTES, &signer.sign(BYTES)), Err(SignatureError::UnknownKey));
    let forged = verifier.verify(&signer.key_id(), BYTES, &theirs.sign(BYTES));
    assert_eq!(forged, Err(SignatureError::Invalid));
}
