//! The sizes of databases and caches, in order, and which one is needed.

/// A class: what is before its size, and the size. `db.r7g.` and `large`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<'a> {
    /// What is before it, with the point: `db.r7g.`.
    pub family: &'a str,
    /// `large`
    pub size: &'a str,
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html>
const BURSTABLE_DATABASE: &[&str] = &["micro", "small", "medium", "large", "xlarge", "2xlarge"];
const FIXED_DATABASE: &[&str] = &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"];
/// <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheNodes.SupportedTypes.html>
const BURSTABLE_CACHE: &[&str] = &["micro", "small", "medium"];
const FIXED_CACHE: &[&str] = &["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"];

impl<'a> Size<'a> {
    /// Reads a class; none when it is not known here.
    pub fn of(class: &'a str) -> Option<Size<'a>> {
        let at = class.rfind('.')?;
        let (family, size) = class.split_at(at + 1);
        let size = Size { family, size };
        size.known().contains(&size.size).then_some(size)
    }

    fn known(&self) -> &'static [&'static str] {
        let is_burstable = self.family.split('.').nth(1).is_some_and(|name| name.starts_with('t'));
        match (self.family.starts_with("db."), is_burstable) {
            (true, true) => BURSTABLE_DATABASE,
            (true, false) => FIXED_DATABASE,
            (false, true) => BURSTABLE_CACHE,
            (false, false) => FIXED_CACHE,
        }
    }

    /// Returns the classes of the family from this one on, the smallest first.
    pub fn and_larger(&self) -> Vec<String> {
        let from = self.known().iter().skip_while(|size| **size != self.size);
        from.map(|size| format!("{}{size}", self.family)).collect()
    }
}

/// Returns the smallest class from this one on that satisfies; none when not even the largest does.
pub fn smallest(class: &str, satisfies: &dyn Fn(&str) -> bool) -> Option<String> {
    // Whether the present one does can be known though its family is not.
    if satisfies(class) {
        return Some(class.to_owned());
    }
    Size::of(class)?.and_larger().into_iter().find(|class| satisfies(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_within_their_family() {
        assert_eq!(Size::of("db.t4g.large").unwrap().and_larger(), ["db.t4g.large", "db.t4g.xlarge", "db.t4g.2xlarge"]);
        assert_eq!(Size::of("cache.t4g.small").unwrap().and_larger(), ["cache.t4g.small", "cache.t4g.medium"]);
        assert_eq!(Size::of("cache.r7g.large").unwrap().and_larger().len(), 7);
        assert_eq!(Size::of("db.r7g.large").unwrap().and_larger().last().unwrap(), "db.r7g.16xlarge");
        for unknown in ["db.t4g.huge", "large", "cache.t4g.large", ""] {
            assert_eq!(Size::of(unknown), None, "{unknown}");
        }
        assert_eq!(smallest("db.t4g.micro", &|class| class.ends_with("medium")).as_deref(), Some("db.t4g.medium"));
        assert_eq!(smallest("db.t4g.micro", &|_| false), None);
        assert_eq!(smallest("db.x2g.16large", &|_| true).as_deref(), Some("db.x2g.16large"));
        assert_eq!(smallest("db.x2g.16large", &|_| false), None);
    }
}
