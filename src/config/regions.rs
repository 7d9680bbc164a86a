//! AWS's regions.

/// Every region that an account of AWS, AWS GovCloud or AWS China can have, and whether the account must enable it first
/// (<https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>, November 2026).
const REGIONS: &[(&str, bool)] = &[
    ("af-south-1", true),
    ("ap-east-1", true),
    ("ap-east-2", true),
    ("ap-northeast-1", false),
    ("ap-northeast-2", false),
    ("ap-northeast-3", false),
    ("ap-south-1", false),
    ("ap-south-2", true),
    ("ap-southeast-1", false),
    ("ap-southeast-2", false),
    ("ap-southeast-3", true),
    ("ap-southeast-4", true),
    ("ap-southeast-5", true),
    ("ap-southeast-6", true),
    ("ap-southeast-7", true),
    ("ca-central-1", false),
    ("ca-west-1", true),
    ("cn-north-1", false),
    ("cn-northwest-1", false),
    ("eu-central-1", false),
    ("eu-central-2", true),
    ("eu-north-1", false),
    ("eu-south-1", true),
    ("eu-south-2", true),
    ("eu-west-1", false),
    ("eu-west-2", false),
    ("eu-west-3", false),
    ("il-central-1", true),
    ("me-central-1", true),
    ("me-south-1", true),
    ("mx-central-1", true),
    ("sa-east-1", false),
    ("us-east-1", false),
    ("us-east-2", false),
    ("us-gov-east-1", false),
    ("us-gov-west-1", false),
    ("us-west-1", false),
    ("us-west-2", false),
];

/// The prefix of the regions of the European Sovereign Cloud. Its domain names differ, and this version does not support it.
pub(super) const SOVEREIGN: &str = "eusc-";

/// The pattern of regions, future ones too: an area, a direction and a number.
pub const PATTERN: &str =
    "^[a-z]{2,4}(-[a-z]{2,4})?-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[0-9]{1,2}$";

/// Returns the names of all regions.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    REGIONS.iter().map(|(name, _)| *name)
}

/// Returns the names of all regions, with the one that most people write first.
pub fn examples() -> Vec<&'static str> {
    const FIRST: &str = "us-east-1";
    std::iter::once(FIRST).chain(names().filter(|name| *name != FIRST)).collect()
}

/// Checks whether an account must enable the region before it can be used.
pub fn is_opt_in(region: &str) -> bool {
    REGIONS.contains(&(region, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_written_as_regions_are() {
        let pattern = regex_lite::Regex::new(PATTERN).unwrap();
        for name in names() {
            assert!(pattern.is_match(name), "{name}");
        }
        assert!(names().is_sorted() && is_opt_in("me-south-1") && !is_opt_in("us-east-1") && !is_opt_in("us-est-1"));
        for wrong in ["us-est-1", "us-east", "us-east-1a", "US-EAST-1", "useast1", "us_east_1", "eu-frankfurt-1"] {
            assert!(!pattern.is_match(wrong), "{wrong}");
        }
        assert!(pattern.is_match("ap-southeast-8"), "one that opens tomorrow");
    }
}
