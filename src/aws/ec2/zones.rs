//! The availability zones of a region.

use super::errors::failed;
use super::filter;
use crate::aws::Clients;
use crate::engine::{Class, Error, Result};

/// Returns the region's availability zones by name, whatever their state: an impaired zone still contains its objects.
///
/// # Errors
/// When EC2 cannot be asked, or names none.
pub async fn zones(cloud: &Clients) -> Result<Vec<String>> {
    let call = cloud.ec2.describe_availability_zones().filters(filter("zone-type", ["availability-zone"]));
    let answer = call.send().await.map_err(failed("ec2:DescribeAvailabilityZones"))?;
    let mut zones: Vec<String> = answer.availability_zones().iter().filter_map(|z| z.zone_name.clone()).collect();
    zones.sort();
    if zones.is_empty() {
        let message = format!("the region `{}` has no availability zones for this account", cloud.region);
        return Err(Error::new(Class::Other, message));
    }
    Ok(zones)
}
