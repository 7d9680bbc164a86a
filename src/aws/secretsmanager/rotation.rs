use aws_sdk_secretsmanager::types::RotationRulesType;
use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::look::describe;
use crate::aws::ownership::mark::Mark;
use crate::aws::rds::{self, Instance};
use crate::aws::secretsmanager::errors::failed;
use crate::aws::wing::{Actions, AwsKind};
use crate::aws::{Clients, Cx};
use crate::engine::{Claim, Diff, Observed, Readiness, Ref, Resource, Result, Rule};

/// How often RDS rotates a database password that it keeps itself. RDS rotates it in any case; this sets the interval.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// The secret in which RDS keeps the password: `${rds.instance/main.secret_arn}`. It cannot be changed.
    pub secret: Ref<Instance>,
    /// Days between two rotations, 1 to 1000.
    pub days: i64,
}

/// The attributes that other objects refer to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Live {
    /// The ARN of the secret.
    pub id: String,
}

impl Rotation {
    async fn set(&self, cx: &Cx) -> Result<Live> {
        let secret = self.secret.id()?;
        // Without a function: RDS rotates what it keeps. And not now: tasks hold the present one.
        let rules = RotationRulesType::builder().automatically_after_days(self.days).build();
        let call = cx.cloud.secrets.rotate_secret().secret_id(secret).rotation_rules(rules).rotate_immediately(false);
        call.send().await.map_err(failed("secretsmanager:RotateSecret"))?;
        Ok(Live { id: secret.to_owned() })
    }
}

impl Resource for Rotation {
    const KIND: &'static str = "secretsmanager.rotation";
    const RULES: &'static [Rule] =
        &[Rule::takes("secret", &[("rds.instance", "secret_arn")]), Rule::immutable("secret"), Rule::identity("secret")];
    const TAGGED: bool = false;
    type Cloud = Clients;
    type Live = Live;

    async fn observe(cx: &Cx) -> Result<Vec<Observed<Self>>> {
        let secrets = rds::managed_secrets(cx).await?;
        let described = try_join_all(secrets.iter().map(|arn| describe(cx, arn))).await?;
        let of = |(arn, secret): (&String, _)| {
            let secret: Option<aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput> = secret;
            let on = secret.as_ref()?.rotation_enabled() == Some(true);
            let rules = secret.as_ref()?.rotation_rules().filter(|_| on);
            Some(Observed {
                // It is created and deleted with the secret.
                claim: Claim::Adoptable,
                live: Live { id: arn.clone() },
                fields: Rotation {
                    secret: Ref::physical(arn).attr("secret_arn"),
                    // By an expression, or not at all, neither of which `stack` writes.
                    days: rules.and_then(|r| r.automatically_after_days()).unwrap_or_default(),
                },
                state: Readiness::Ready,
            })
        };
        Ok(secrets.iter().zip(described).filter_map(of).collect())
    }

    async fn create(&self, cx: &Cx) -> Result<Live> {
        self.set(cx).await
    }

    async fn update(&self, cx: &Cx, _: &Live, _: &Diff) -> Result<Live> {
        self.set(cx).await
    }

    async fn delete(cx: &Cx, live: &Live) -> Result<()> {
        let call = cx.cloud.secrets.cancel_rotate_secret().secret_id(&live.id);
        call.send().await.map_err(failed("secretsmanager:CancelRotateSecret"))?;
        Ok(())
    }
}

impl AwsKind for Rotation {
    const MARK: Mark = Mark::Parent;
    const ACTIONS: Actions = Actions {
        create: &["secretsmanager:RotateSecret"],
        update: &["secretsmanager:RotateSecret"],
        delete: &["secretsmanager:CancelRotateSecret"],
    };
}
