//! Fingerprints of the licence texts that are recognised with certainty. Data only: the test beside it derives every
//! row from the texts that SPDX publishes.

/// Number of words and hash of a text in its normal form.
pub(super) fn fingerprint(words: &str) -> (usize, u64) {
    // FNV-1a: short, stable over versions and platforms. Nobody gains by a collision: a licence is no password.
    let hash = words.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (words.split_whitespace().count(), hash)
}

/// SPDX id, words, hash. Two rows where an appendix follows the terms: with it and without it.
pub(super) const FINGERPRINTS: &[(&str, usize, u64)] = &[
    ("0BSD", 98, 0x863e_93d2_d167_270e),
    ("AGPL-3.0", 5289, 0xa5ef_dee8_49bf_9fd7),
    ("AGPL-3.0", 4943, 0x8fa3_d0b2_e006_6a90),
    ("Apache-2.0", 1552, 0xa087_216d_4a6c_648f),
    ("Apache-2.0", 1388, 0x6c72_4e5f_aa89_d71d),
    ("BSD-2-Clause", 173, 0x1aba_4388_30df_6444),
    ("BSD-3-Clause", 200, 0x0748_e9e6_3357_848c),
    ("BSL-1.0", 209, 0x55f2_8b5b_81a5_3ee5),
    ("CC0-1.0", 1041, 0x8560_8670_2dc8_bbbf),
    ("GPL-2.0", 2816, 0x0a02_bd07_5cad_b985),
    ("GPL-2.0", 2419, 0xa8ce_6f41_b709_3ffb),
    ("GPL-3.0", 5413, 0x9df3_d569_e125_d3cb),
    ("GPL-3.0", 4988, 0x9413_4b06_0f6f_1931),
    ("ISC", 112, 0x11e3_1774_b8b9_69f1),
    ("LGPL-2.1", 4217, 0xf5cd_aa94_fc69_4544),
    ("LGPL-2.1", 3896, 0x0b98_2719_0efb_5afb),
    ("LGPL-3.0", 6569, 0xea33_047a_5846_4bbf),
    ("LGPL-3.0", 6144, 0x4b84_acee_7a3c_f2c5),
    ("LGPL-3.0", 1156, 0x6500_17de_3dcf_a16b),
    ("MIT", 161, 0x8c26_f024_9f23_1597),
    ("MIT-0", 139, 0xedf7_4c62_15f4_48d1),
    ("MPL-2.0", 2210, 0x39bd_5a80_167a_7de8),
    ("Unlicense", 198, 0xb329_b93a_e75f_b109),
    ("Zlib", 129, 0xd2fa_928c_acb3_9be9),
];
