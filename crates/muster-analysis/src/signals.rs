//! Commercial signals, from what the code does and not from what it might: a payment kit counts when a file outside the
//! tests imports it, a dependency alone never does. Says nothing of users or income, which files cannot show.

use std::collections::BTreeMap;

use muster_model::analysis::{Evidence, ProjectType, Signal};

use crate::{
    imports,
    layout::File,
    stack::rules::{RULES, Technology},
    view::View,
};

/// Most source files opened in search of imports, and most bytes of one.
const MOST_OPENED: usize = 300;
const OPEN_LIMIT: usize = 256 << 10;
const MOST_EVIDENCE: usize = 5;

/// Categories whose dependencies are worth a search for imports.
const SEARCHED: [&str; 3] = ["payment", "affiliate", "advertising"];

/// Parts of a path that make a file worth opening first.
const TELLING_PATHS: [&str; 13] = [
    "pay",
    "bill",
    "checkout",
    "subscri",
    "webhook",
    "stripe",
    "paddle",
    "paypal",
    "invoice",
    "plan",
    "purchase",
    "affiliate",
    "ads",
];

const SUBSCRIPTION: [&str; 12] = [
    "subscriptions.create",
    "subscription.create",
    "subscriptions->create",
    "subscription::create",
    "newsubscription(",
    "mode: \"subscription\"",
    "mode: 'subscription'",
    "mode=\"subscription\"",
    "mode='subscription'",
    "'mode' => 'subscription'",
    "createsubscription",
    "create_subscription",
];
const MARKETPLACE: [&str; 7] = [
    "application_fee_amount",
    "applicationfeeamount",
    "transfer_data",
    "transferdata",
    "stripe_account",
    "stripeaccount",
    "transfers.create",
];
/// What takes a payment: in the code beside an import, or (the first two) in the file's own path.
const ROUTES: [&str; 5] = ["checkout", "webhook", "payment_intent", "paymentintent", "payment_link"];
const ROUTES_IN_PATHS: [&str; 2] = [ROUTES[0], ROUTES[1]];
/// Kits that exist for recurring payments.
const SUBSCRIPTION_KITS: [&str; 3] = ["Chargebee", "Recurly", "RevenueCat"];

/// The names under which signals are revenue streams, in the order shown.
const STREAMS: [(&str, &str); 7] = [
    ("payments", "payments"),
    ("subscription", "subscription"),
    ("api_access", "API access"),
    ("marketplace", "marketplace"),
    ("affiliate", "affiliate"),
    ("advertising", "advertising"),
    ("saas", "SaaS"),
];

/// What the signals could become.
pub(crate) fn revenue_streams(signals: &[Signal]) -> Vec<String> {
    STREAMS
        .iter()
        .filter(|(id, _)| signals.iter().any(|signal| signal.id == *id))
        .map(|(_, name)| (*name).to_owned())
        .collect()
}

/// The signals, in a fixed order.
pub(crate) fn find(view: &View<'_, '_, '_>, project_type: ProjectType) -> Vec<Signal> {
    let code = Code::search(view);
    let mut signals = Vec::new();
    let mut signal = |id: &str, title: String, mut evidence: Vec<Evidence>| {
        evidence.truncate(MOST_EVIDENCE);
        signals.push(Signal { id: id.to_owned(), title, evidence });
    };
    let imported = |category: &str| -> (Vec<&str>, Vec<Evidence>) {
        let found = code.imports.iter().filter(|(index, _)| RULES.technologies[**index].category == category);
        let (mut names, mut evidence) = (Vec::new(), Vec::new());
        for (index, places) in found {
            names.push(RULES.technologies[*index].name.as_str());
            evidence.extend(places.iter().take(3).cloned());
        }
        (names, evidence)
    };
    let (kits, kit_places) = imported("payment");
    let has_payments = !kits.is_empty();
    if has_payments {
        signal("payments", format!("{} is imported in source files", kits.join(", ")), kit_places.clone());
    }
    if has_payments && !code.routes.is_empty() {
        signal(
            "checkout",
            "a checkout or a payment webhook stands beside the payment kit".to_owned(),
            code.routes.clone(),
        );
    }
    let mut subscription = code.subscription.clone();
    if kits.iter().any(|kit| SUBSCRIPTION_KITS.contains(kit)) {
        subscription.extend(kit_places);
    }
    let has_subscription = has_payments && !subscription.is_empty();
    if has_subscription {
        signal("subscription", "recurring payments are set up in code".to_owned(), subscription.clone());
    }
    if answers_requests(view, project_type) && !view.facts.api_description.is_empty() {
        signal("api_access", "a service describes its API".to_owned(), view.facts.api_description.clone());
    }
    if has_payments && !code.marketplace.is_empty() {
        signal("marketplace", "payments are split between parties".to_owned(), code.marketplace.clone());
    }
    let (affiliates, places) = imported("affiliate");
    if !affiliates.is_empty() {
        signal("affiliate", format!("{} is imported in source files", affiliates.join(", ")), places);
    }
    let (advertisers, mut places) = imported("advertising");
    places.extend(
        view.layout
            .source()
            .filter(|file| matches!(file.name(), "ads.txt" | "app-ads.txt") && file.depth <= 2)
            .map(|file| file.evidence("names authorised sellers of advertisements")),
    );
    if !places.is_empty() {
        let title = match advertisers.as_slice() {
            [] => "authorised sellers of advertisements are named".to_owned(),
            names => format!("{} is imported in source files", names.join(", ")),
        };
        signal("advertising", title, places);
    }
    let auth = view.stack.iter().find(|item| item.category == "auth" && !item.is_marginal);
    if has_subscription && let Some(auth) = auth {
        let mut evidence: Vec<Evidence> = subscription.into_iter().take(2).collect();
        evidence.extend(auth.evidence.iter().take(2).cloned());
        signal("saas", format!("accounts ({}) and recurring payments", auth.name), evidence);
    }
    if !view.facts.pricing.is_empty() {
        signal("pricing", "pages on pricing, terms or privacy".to_owned(), view.facts.pricing.clone());
    }
    signals
}

fn answers_requests(view: &View<'_, '_, '_>, project_type: ProjectType) -> bool {
    let has_framework = view.stack.iter().any(|item| item.category == "framework" && !item.is_marginal);
    has_framework && !matches!(project_type, ProjectType::Library | ProjectType::CommandLine)
}

/// What a search through the source files found.
#[derive(Default)]
struct Code {
    /// Places of imports by technology.
    imports: BTreeMap<usize, Vec<Evidence>>,
    routes: Vec<Evidence>,
    subscription: Vec<Evidence>,
    marketplace: Vec<Evidence>,
}

impl Code {
    /// Opens files only if a manifest of the project's own names something to search for.
    fn search(view: &View<'_, '_, '_>) -> Self {
        let mut wanted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for manifest in view.survey.own_manifests() {
            for dependency in &manifest.content.dependencies {
                for index in RULES.of_dependency(manifest.ecosystem, &dependency.name) {
                    let technology: &Technology = &RULES.technologies[index];
                    if SEARCHED.contains(&technology.category.as_str()) {
                        let names = wanted.entry(index).or_insert_with(|| technology.modules.clone());
                        names.push(dependency.name.clone());
                    }
                }
            }
        }
        let mut code = Self::default();
        if wanted.is_empty() {
            return code;
        }
        let mut files: Vec<&File<'_>> =
            view.layout.source().filter(|file| imports::has_imports(file.extension())).collect();
        files.sort_by_key(|file| !TELLING_PATHS.iter().any(|part| file.lower.contains(part)));
        for file in files.into_iter().take(MOST_OPENED) {
            if let Some(text) = view.reader.text(file, OPEN_LIMIT) {
                code.look(file, &text, &wanted);
            }
        }
        code
    }

    fn look(&mut self, file: &File<'_>, text: &str, wanted: &BTreeMap<usize, Vec<String>>) {
        let mut imports_any = false;
        for (index, names) in wanted {
            if let Some((line, name)) = imports::find(text, file.extension(), names) {
                imports_any = true;
                self.imports
                    .entry(*index)
                    .or_default()
                    .push(file.evidence_at(line, format!("imports {name}")));
            }
        }
        if !imports_any {
            return;
        }
        // Only beside the import: elsewhere a checkout may be of anything.
        for (words, found) in [
            (&ROUTES[..], &mut self.routes),
            (&SUBSCRIPTION, &mut self.subscription),
            (&MARKETPLACE, &mut self.marketplace),
        ] {
            if let Some((line, word)) = first_line_with(text, words) {
                found.push(file.evidence_at(line, word));
            } else if words[0] == ROUTES[0]
                && let Some(word) = ROUTES_IN_PATHS.iter().find(|word| file.lower.contains(**word))
            {
                found.push(file.evidence(format!("named {word}")));
            }
        }
    }
}

fn first_line_with<'w>(text: &str, words: &[&'w str]) -> Option<(u32, &'w str)> {
    (1_u32..).zip(text.lines()).find_map(|(number, line)| {
        let line = line.trim();
        if line.starts_with("//") || line.starts_with('#') || line.starts_with('*') {
            return None;
        }
        let lower = line.to_lowercase();
        words.iter().find(|word| lower.contains(**word)).map(|word| (number, *word))
    })
}
