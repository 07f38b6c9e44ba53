//! Commercial signals: a dependency alone says nothing, an import outside the tests does.

use muster_model::analysis::Analysis;

use crate::support::{of, place};

const STRIPE: &str = "{\"private\": true, \"dependencies\": {\"stripe\": \"17\", \"express\": \"5\", \"jsonwebtoken\": \"9\"}}";

fn ids(analysis: &Analysis) -> Vec<&str> {
    analysis.signals.iter().map(|signal| signal.id.as_str()).collect()
}

#[test]
fn a_dependency_alone_is_no_payment() {
    assert!(of(&[("package.json", STRIPE), ("src/a.js", "const loader = 1;")]).signals.is_empty());
    let only_tests = of(&[("package.json", STRIPE), ("test/a.js", "import Stripe from 'stripe'")]);
    assert!(only_tests.signals.is_empty());
    // Nor is an import that no manifest of the project's own backs.
    assert!(of(&[("src/a.js", "import Stripe from 'stripe'")]).signals.is_empty());
    let of_example = of(&[("examples/package.json", STRIPE), ("src/a.js", "import Stripe from 'stripe'")]);
    assert!(of_example.signals.is_empty());
}

#[test]
fn an_import_is_a_payment_and_a_route_makes_a_checkout() {
    let analysis = of(&[
        ("package.json", STRIPE),
        ("src/pay.js", "// pay\nimport Stripe from 'stripe';\n\napp.post('/webhook', handle);\n"),
    ]);
    assert_eq!(ids(&analysis), ["payments", "checkout"]);
    assert_eq!(analysis.revenue_streams, ["payments"]);
    assert_eq!(place(&analysis.signals[0].evidence[0]), "src/pay.js:2 imports stripe");
    assert_eq!(place(&analysis.signals[1].evidence[0]), "src/pay.js:4 webhook");
}

#[test]
fn recurring_payments_and_accounts_are_saas() {
    let code = "const Stripe = require('stripe');\nstripe.subscriptions.create({ transfer_data: {} });\n";
    let analysis = of(&[("package.json", STRIPE), ("src/billing.js", code)]);
    assert_eq!(ids(&analysis), ["payments", "subscription", "marketplace", "saas"]);
    assert_eq!(analysis.revenue_streams, ["payments", "subscription", "marketplace", "SaaS"]);
}

#[test]
fn an_api_needs_a_service_and_a_description() {
    let files = [("package.json", STRIPE), ("openapi.yaml", "openapi: 3.1.0\n")];
    assert_eq!(of(&files).revenue_streams, ["API access"]);
    assert!(of(&[("openapi.yaml", ""), ("a.py", "")]).revenue_streams.is_empty());
}

#[test]
fn advertising_and_affiliates_have_names_of_their_own() {
    let analysis = of(&[
        ("pubspec.yaml", "name: x\ndependencies:\n  google_mobile_ads: ^5\n"),
        ("lib/main.dart", "import 'package:google_mobile_ads/google_mobile_ads.dart';\n"),
        ("requirements.txt", "python-amazon-paapi\n"),
        ("shop/links.py", "from amazon_paapi import AmazonApi\n"),
    ]);
    assert_eq!(analysis.revenue_streams, ["affiliate", "advertising"]);
    assert_eq!(of(&[("public/ads.txt", "google.com, pub-0, DIRECT\n")]).revenue_streams, ["advertising"]);
    // A name that merely contains the word is nothing.
    assert!(
        of(&[
            ("package.json", "{\"dependencies\": {\"ads-loader\": \"1\"}}"),
            ("a.js", "import 'ads-loader'")
        ])
        .signals
        .is_empty()
    );
}
