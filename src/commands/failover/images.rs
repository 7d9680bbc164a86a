//! Images of a stack in its second region: those in Amazon ECR of its own region are looked for in the registry of the second one, under
//! the same names. ECR replicates them there (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html>), or they are copied.

use std::time::Duration;

use futures::future::try_join_all;

use super::moved::Moved;
use crate::aws::ecr;
use crate::commands::patience::Patience;
use crate::commands::session::Session;
use crate::commands::stop::{Result, Stop};
use crate::config::Stack;
use crate::engine;

/// What helps where an image is not there.
pub const HELP: &str = "`stack recovery apply --copy-images` copies it there, or have ECR replicate its repository: `aws ecr put-replication-configuration`";

/// Returns where an image is in the file, by its service.
fn path(service: &str) -> String {
    format!("services.{service}.image")
}

/// Checks whether a text of the file is an image that the second region could have.
pub fn is_one(path: &str, text: &str) -> bool {
    path.starts_with("services.") && path.ends_with(".image") && ecr::registry(text).is_some()
}

/// Names in a file the images that the second region has. Only that region is asked. Returns their paths.
pub async fn find(session: &Session, stack: &mut Stack, home: &str) -> Result<Vec<String>> {
    let region = &session.cx.scope.region;
    let there = stack.services.iter_mut().filter_map(|(name, service)| {
        let there = ecr::in_region(&service.image, home, region)?;
        Some((path(name.as_str()), &mut service.image, there))
    });
    let asked = there.map(|(path, image, there)| async move {
        let digest = ecr::digest(&session.cx, &there).await?;
        engine::Result::<_>::Ok((path, image, digest.map(|_| there)))
    });
    let answers = session.hear(try_join_all(asked)).await?;
    let found = answers.into_iter().filter_map(|(path, image, there)| {
        *image = there?;
        Some(path)
    });
    Ok(found.collect())
}

/// The same, for a file whose texts that name its own region are known.
pub async fn find_in(session: &Session, moved: &mut Moved) -> Result<()> {
    let found = find(session, &mut moved.loaded.stack, &moved.home).await?;
    moved.elsewhere.retain(|(path, _)| !found.contains(path));
    moved.images.extend(found);
    Ok(())
}

/// Returns the services whose image in the second region is another one than in the first under the same tag, which was pushed again since.
/// Both regions are asked.
pub async fn behind(session: &Session, home: &Stack, moved: &Moved) -> Result<Vec<String>> {
    let cx = &session.cx;
    let both = home.services.iter().filter_map(|(name, service)| {
        let there = &moved.loaded.stack.services.get(name)?.image;
        (*there != service.image).then_some((name, &service.image, there))
    });
    let asked = both.map(|(name, here, there)| async move {
        let (here, there) = futures::try_join!(ecr::digest(cx, here), ecr::digest(cx, there))?;
        let differ = here.zip(there).is_some_and(|(here, there)| here != there);
        engine::Result::<_>::Ok(differ.then(|| name.to_string()))
    });
    Ok(session.hear(try_join_all(asked)).await?.into_iter().flatten().collect())
}

/// Copies the images that the second region does not have yet, and those that are `behind`, into repositories of the same names, and names
/// them in the file. Repositories that do not exist are created. What is in the registry of another account stays there.
pub async fn copy(session: &Session, home: &Stack, moved: &mut Moved, behind: &[String]) -> Result<()> {
    let cx = &session.cx;
    for (name, service) in &mut moved.loaded.stack.services {
        let Some(image) = home.services.get(name).map(|service| &service.image) else { continue };
        let Some(there) = ecr::in_region(image, &moved.home, &cx.scope.region) else { continue };
        let Some((account, _, repository, id)) = ecr::parts(&there) else { continue };
        if service.image == there && !behind.iter().any(|one| one == name.as_str()) {
            continue;
        }
        if account != cx.scope.account {
            session.say(&format!(
                "Not copied: the image of `services.{name}`, which is in the registry of the account {account}."
            ))?;
            continue;
        }
        session.say(&format!("Copying the image of `services.{name}` to {}: {image}", cx.scope.region))?;
        let repository = session.hear(ecr::repository(cx, repository)).await?;
        // A part of a layer takes as long as the line needs for it.
        let patience = Patience { of: "ECR", speak: Duration::from_mins(1), end: Duration::MAX };
        let copy = ecr::copy::copy(cx, image, &repository, id.image_tag());
        patience.hear(&cx.reach, &session.terminal, copy).await.map_err(Stop::midway)?;
        service.image = there;
        moved.elsewhere.retain(|(one, _)| *one != path(name.as_str()));
        moved.images.push(path(name.as_str()));
    }
    Ok(())
}

/// Gives services the images that another file has for them.
pub fn like(stack: &mut Stack, other: &Stack) {
    for (name, service) in &mut stack.services {
        if let Some(other) = other.services.get(name) {
            service.image.clone_from(&other.image);
        }
    }
}
