//! .NET: package references of project files, and the SDK that says what is built.

use super::{
    Content,
    scan::{self, Xml},
};

pub(super) fn parse(text: &str) -> Content {
    let mut content = Content::default();
    let mut property = "";
    let mut has_package = [false; 2];
    let mut is_executable = false;
    for part in scan::xml(text) {
        match part {
            Xml::Open { name, attributes, line, .. } => {
                property = name;
                let named = match name {
                    "PackageReference" | "PackageVersion" | "FrameworkReference" => {
                        scan::attribute(attributes, "Include")
                            .or_else(|| scan::attribute(attributes, "Update"))
                    }
                    "Project" => scan::attribute(attributes, "Sdk"),
                    _ => None,
                };
                if let Some(package) = named {
                    content.depend(package.to_lowercase(), line);
                }
            }
            Xml::Close { .. } => property = "",
            Xml::Text { text, line } => match property {
                "OutputType" => {
                    is_executable = text.eq_ignore_ascii_case("exe") || text.eq_ignore_ascii_case("winexe");
                }
                "UseWPF" | "UseWindowsForms" => content.is_desktop |= text.eq_ignore_ascii_case("true"),
                "UseMaui" => content.is_mobile |= text.eq_ignore_ascii_case("true"),
                "PackageId" => {
                    content.name = Some(text.to_owned());
                    has_package[0] = true;
                }
                "Description" => has_package[1] = true,
                "PackageLicenseExpression" => content.licence = Some((text.to_owned(), line)),
                _ => {}
            },
        }
    }
    let is_web = content.dependencies.iter().any(|dependency| dependency.name == "microsoft.net.sdk.web");
    content.is_application = is_executable || is_web;
    content.is_program = is_executable && !is_web && !content.is_desktop;
    content.is_library = !content.is_application;
    content.is_complete = has_package[0] && has_package[1] && content.licence.is_some();
    content
}
