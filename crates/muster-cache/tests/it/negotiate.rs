//! The two header fields that need a parser, as tables.

use muster_cache::{
    Encoding::{self, Gzip, Identity, Zstd},
    negotiate::{encoding, is_known},
};

#[test]
fn the_encoding_is_the_clients_wish_and_among_equals_ours() {
    let table: &[(&str, Encoding)] = &[
        ("gzip, deflate, br, zstd", Zstd),
        ("gzip, deflate, br", Gzip),
        ("GZIP", Gzip),
        ("x-gzip", Gzip),
        ("*", Zstd),
        ("*;q=0.1", Zstd),
        ("", Identity),
        ("deflate", Identity),
        ("gzip;q=0", Identity),
        ("gzip;q=0.000", Identity),
        ("gzip;q=0, *", Zstd),
        ("zstd;q=0, *", Gzip),
        ("zstd;q=0, gzip;q=0, *", Identity),
        ("gzip;q=1.0, zstd;q=0.5", Gzip),
        ("gzip ; q=0.5 , zstd ; Q=0.5", Zstd),
        ("identity;q=1, gzip;q=0.5", Identity),
        ("identity;q=0.5, gzip;q=0.5", Gzip),
        ("gzip;q=0.001", Gzip),
        ("*;q=0", Identity),
        ("identity;q=0", Identity),
        ("identity;q=0, gzip", Gzip),
        ("gzipped, notgzip", Identity),
        ("gzip;q=2", Identity),
        ("gzip;q=1.001", Identity),
        ("gzip;q=0.1234", Identity),
        ("gzip;q=-1", Identity),
        ("gzip;q=high", Identity),
        ("gzip;q=0.x", Identity),
        ("gzip;q", Gzip),
        ("gzip;level=9;q=0", Identity),
        (",,gzip,,", Gzip),
    ];
    for (accepted, expected) in table {
        assert_eq!(encoding(Some(accepted)), *expected, "`{accepted}`");
    }
    assert_eq!(encoding(None), Identity);
    assert_eq!(Encoding::ALL.map(Encoding::token), [Some("zstd"), Some("gzip"), None]);
}

#[test]
fn if_none_match_is_a_list_compared_weakly() {
    let table: &[(&str, bool)] = &[
        ("W/\"abc\"", true),
        ("\"abc\"", true),
        (" * ", true),
        ("\"x\", W/\"y\" ,W/\"abc\"", true),
        ("\"a,b\", \"abc\"", true),
        ("\"x,abc\"", false),
        ("\"ABC\"", false),
        ("\"abcd\"", false),
        ("abc", false),
        ("\"abc", false),
        ("\"x\" nonsense \"abc\"", false),
        ("w/\"abc\"", false),
        ("", false),
        (",", false),
        ("\"x\", *", false),
    ];
    for (header, expected) in table {
        assert_eq!(is_known(header, "W/\"abc\""), *expected, "`{header}`");
        assert_eq!(is_known(header, "\"abc\""), *expected, "`{header}`, strong");
    }
    assert!(!is_known("\"\"", "no tag"));
}
