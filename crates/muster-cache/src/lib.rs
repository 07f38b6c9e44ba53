//! Tiered cache, free of the domain.
