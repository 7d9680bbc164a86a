//! The images that the tasks of services run, by their digests: a tag can have been moved since they were pulled.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::{claims, name_in, resource_id, services};
use crate::aws::Cx;
use crate::aws::ecs::errors::failed;
use crate::engine::{Claim, Result};

/// The maximum number of tasks of one DescribeTasks
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>). So many of a service tell what it runs.
const TASKS: i32 = 100;

/// The digests of the images that tasks run, `sha256:…`, by the image's name in the task definition
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Container.html>). There are several during a deployment, and after
/// a tag was moved.
pub type Digests = BTreeMap<String, BTreeSet<String>>;

/// Returns the digests of what the tasks of each service run, by the service's name in the file.
///
/// # Errors
/// When ECS cannot be asked.
pub async fn of_services(cx: &Cx) -> Result<BTreeMap<String, Digests>> {
    let (all, claims) = tokio::try_join!(services(cx), claims(cx))?;
    let of_service = all.iter().filter(|service| service.status() == Some("ACTIVE")).filter_map(|service| {
        let cluster = name_in(service.cluster_arn()?).to_owned();
        let name = service.service_name()?.to_owned();
        match claims.get(&resource_id(&cluster, &name))? {
            Claim::Ours(called) => Some((called.clone(), cluster, name)),
            _ => None,
        }
    });
    let each = of_service.map(|(called, cluster, name)| async move { Ok((called, running(cx, &cluster, &name).await?)) });
    Ok(try_join_all(each).await?.into_iter().collect())
}

async fn running(cx: &Cx, cluster: &str, service: &str) -> Result<Digests> {
    let call = cx.cloud.ecs.list_tasks().cluster(cluster).service_name(service).max_results(TASKS);
    let arns = call.send().await.map_err(failed("ecs:ListTasks"))?.task_arns.unwrap_or_default();
    let mut out = Digests::new();
    if arns.is_empty() {
        return Ok(out);
    }
    let call = cx.cloud.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns));
    for task in call.send().await.map_err(failed("ecs:DescribeTasks"))?.tasks() {
        for container in task.containers().iter().filter(|_| task.last_status() == Some("RUNNING")) {
            if let (Some(image), Some(digest)) = (container.image(), container.image_digest()) {
                out.entry(image.to_owned()).or_default().insert(digest.to_owned());
            }
        }
    }
    Ok(out)
}

/// Returns an image by its digest in place of its tag: `nginx@sha256:…`
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>, `image`).
pub fn pinned(image: &str, digest: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    // A colon before the last slash is a port.
    let tag = name.rfind(':').filter(|at| !name[*at..].contains('/'));
    format!("{}@{digest}", &name[..tag.unwrap_or(name.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_takes_the_place_of_a_tag() {
        for (image, pinned_as) in [
            ("nginx:1.27", "nginx@sha256:1"),
            ("nginx", "nginx@sha256:1"),
            ("registry:5000/team/web", "registry:5000/team/web@sha256:1"),
            ("registry:5000/team/web:v1", "registry:5000/team/web@sha256:1"),
            ("nginx@sha256:9", "nginx@sha256:1"),
            ("nginx:1.27@sha256:9", "nginx@sha256:1"),
        ] {
            assert_eq!(pinned(image, "sha256:1"), pinned_as, "{image}");
        }
    }
}
