//! The topic in another region, for the alarms that are there: an alarm notifies topics of its own region only.

use super::{Found, ORIGIN, TOPIC, publish, subscribe};
use crate::aws::Tags;
use crate::aws::ownership::global::region_of;
use crate::aws::sns::Topic;
use crate::blueprint::policies;
use crate::config::alarms::Alarms;
use crate::engine::{Error, Graph, Ref, Scope};

/// Returns the region of alarms that are not in the stack's, if there are any: CloudFront reports to one only.
pub(super) fn region(wanted: &[(f64, Found)]) -> Option<&str> {
    wanted.iter().find_map(|(_, one)| one.region.as_deref())
}

/// Adds the topic with the same subscribers as the one in the stack's region. A key of the stack does not encrypt it: keys do that in their
/// own region only.
pub(super) fn topic(graph: &mut Graph, section: &Alarms, region: &str, scope: &Scope) -> Result<Option<Ref<Topic>>, Error> {
    if !section.has_subscribers() {
        return Ok(None);
    }
    let topic = Topic {
        region: Some(region.to_owned()),
        fifo: None,
        content_based_deduplication: None,
        display_name: None,
        kms_key: Some(String::new()),
        policy: Some(policies::policy(vec![publish(scope, region)])),
        tags: Tags::new(),
    };
    let name = format!("{TOPIC}-{region}");
    let topic = graph.add(&name, ORIGIN, &topic)?;
    subscribe(graph, section, &topic, &name)?;
    Ok(Some(topic))
}

/// Returns the topics of a list that are in a region. References are to topics of the file, in the stack's region.
pub(super) fn of_region<'a>(topics: &'a [String], region: &str, scope: &Scope) -> impl Iterator<Item = String> + 'a {
    let (region, is_home) = (region.to_owned(), region == scope.region);
    let is_in = move |topic: &&String| match topic.starts_with("arn:") {
        true => region_of(topic) == region,
        false => is_home,
    };
    topics.iter().filter(is_in).cloned()
}
