//! CI signals: that there is one, that it runs the tests, that it releases or deploys.

use super::{Measure, lines_with};
use crate::view::View;

pub(super) fn file(view: &View<'_, '_, '_>) -> Measure {
    Measure::found(view.facts.ci.clone(), "no CI configuration")
}

pub(super) fn runs_tests(view: &View<'_, '_, '_>) -> Measure {
    const COMMANDS: [&str; 51] = [
        "cargo test",
        "cargo nextest",
        "cargo hack",
        "cross test",
        "npm test",
        "npm run test",
        "npm t ",
        "npm run-script test",
        "npm run ci-test",
        "npm-test",
        "yarn test",
        "yarn run test",
        "pnpm test",
        "pnpm run test",
        "bun test",
        "deno test",
        "pytest",
        "tox",
        "nox",
        "hatch test",
        "hatch run test",
        "python -m unittest",
        "manage.py test",
        "go test",
        "gotestsum",
        "mvn test",
        "mvn verify",
        "mvn -b verify",
        "mvn clean verify",
        "mvnw verify",
        "mvnw test",
        "gradlew test",
        "gradlew check",
        "gradlew build",
        "gradle test",
        "gradle check",
        "gradle build",
        "phpunit",
        "composer test",
        "pest",
        "rspec",
        "rake test",
        "rake spec",
        "rails test",
        "dotnet test",
        "mix test",
        "flutter test",
        "dart test",
        "swift test",
        "make test",
        "make check",
    ];
    const MORE: [&str; 9] = [
        "ctest",
        "vitest",
        "jest",
        "runtest",
        "make -j test",
        "bundle exec rake",
        "verify --batch-mode",
        "cargo xtask",
        "env.cargo }} test",
    ];
    let mut found = lines_with(view.survey.ci.iter(), &COMMANDS, "runs tests");
    if found.is_empty() {
        found = lines_with(view.survey.ci.iter(), &MORE, "runs tests");
    }
    Measure::found(found, "no command that runs tests was found in the CI files that were read")
}

pub(super) fn releases(view: &View<'_, '_, '_>) -> Measure {
    const COMMANDS: [&str; 32] = [
        "cargo publish",
        "npm publish",
        "yarn publish",
        "yarn npm publish",
        "pnpm publish",
        "twine upload",
        "pypa/gh-action-pypi-publish",
        "uv publish",
        "poetry publish",
        "goreleaser",
        "semantic-release",
        "changesets/action",
        "softprops/action-gh-release",
        "ncipollo/release-action",
        "gh release",
        "release-please",
        "docker/build-push-action",
        "docker push",
        "flyctl deploy",
        "vercel deploy",
        "vercel --prod",
        "netlify deploy",
        "wrangler deploy",
        "actions/deploy-pages",
        "mvn deploy",
        "gradlew publish",
        "gem push",
        "rubygems/release-gem",
        "nuget push",
        "mix hex.publish",
        "helm upgrade",
        "kubectl apply",
    ];
    let mut found = lines_with(view.survey.ci.iter(), &COMMANDS, "releases or deploys");
    found.extend(
        view.survey
            .ci_files
            .iter()
            .filter(|file| ["release", "publish", "deploy"].iter().any(|word| file.stem().contains(word)))
            .map(|file| file.evidence("named as a release or deployment")),
    );
    Measure::found(found, "no release or deployment job")
}
