//! Prompts: their versions, labels, dry runs and figures. Users call prompts by name; managing them is
//! administrators' work.

use crate::Deps;
use crate::answer::{Answer, Bare, Listed, bare, done, list as listed, ok};
use crate::error::{Result, bad_request, invalid, not_found};
use crate::extract::{Body, ListQuery, Query};
use crate::guard::{Admin, Caller};
use actix_web::web;
use magic_domain::prompt::{
    Document, Message, Numbered, Role, Share, Spec, Target, Version, check_description, choose, is_label,
};
use magic_store::prompts::{PromptRow, Quantiles, VersionRow, VersionStats};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Bytes of a dry run's messages together.
const RENDERED_MAX: usize = 1 << 20;
/// Days that figures are shown of unless asked otherwise, and at most.
const DAYS: i64 = 30;
const DAYS_MAX: i64 = 366;

/// A message; its text may have `{{variables}}`.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct PromptMessage {
    /// `system`, `developer`, `user` or `assistant`; the first two come before the others.
    #[schema(value_type = String)]
    role: Role,
    content: String,
}

/// What a version says.
#[derive(Deserialize, ToSchema)]
pub struct VersionBody {
    messages: Vec<PromptMessage>,
    /// The model, where a caller names none.
    model: Option<String>,
    /// Parameters that a caller does not set, named as in Chat Completions.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
    /// JSON Schema of the variables together.
    #[schema(value_type = Option<Object>)]
    variables: Option<Value>,
}

impl From<VersionBody> for Spec {
    fn from(body: VersionBody) -> Spec {
        let message = |PromptMessage { role, content }| Message { role, content };
        Spec {
            messages: body.messages.into_iter().map(message).collect(),
            model: body.model,
            parameters: body.parameters.unwrap_or_default(),
            variables: body.variables,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Prompt {
    name: String,
    description: String,
    /// `db`, or `file`: then it is changed there.
    owner: String,
    created_time: i64,
    updated_time: i64,
    /// The number of the newest version.
    newest: i64,
    /// Each points at a version, or has a list of `{"version", "percent"}`.
    #[schema(value_type = Object)]
    labels: BTreeMap<String, Target>,
}

impl From<PromptRow> for Prompt {
    fn from(row: PromptRow) -> Prompt {
        let PromptRow { name, description, owner, created_time, updated_time, newest, labels, .. } = row;
        Prompt { name, description, owner, created_time, updated_time, newest, labels }
    }
}

#[derive(Serialize, ToSchema)]
pub struct PromptVersion {
    version: i64,
    messages: Vec<PromptMessage>,
    model: Option<String>,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    #[schema(value_type = Option<Object>)]
    variables: Option<Value>,
    created_time: i64,
}

impl From<VersionRow> for PromptVersion {
    fn from(VersionRow { number, spec, created_time }: VersionRow) -> PromptVersion {
        let Spec { messages, model, parameters, variables } = spec;
        PromptVersion {
            version: number,
            messages: shown(messages),
            model,
            parameters,
            variables,
            created_time,
        }
    }
}

fn shown(messages: Vec<Message>) -> Vec<PromptMessage> {
    messages.into_iter().map(|Message { role, content }| PromptMessage { role, content }).collect()
}

fn checked(deps: &Deps, document: &Document) -> Result<()> {
    let told = |what: String| invalid(format!("{}: {what}", document.name));
    document.check().map_err(told)?;
    document.versions.iter().try_for_each(|version| deps.live.check_prompt(&version.spec).map_err(told))
}

async fn find(deps: &Deps, name: &str) -> Result<Answer<Prompt>> {
    Ok(ok(deps.store.prompt(name).await?.into()))
}

/// By name; `keyword` is the beginning of one.
pub async fn list(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<Prompt>> {
    let (rows, total) = deps.store.prompts(query.page(), query.keyword.unwrap_or_default()).await?;
    Ok(listed(rows.into_iter().map(Prompt::from).collect(), total, i64::MAX))
}

/// A prompt with its first version.
#[derive(Deserialize, ToSchema)]
pub struct NewPrompt {
    /// 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`.
    name: String,
    description: Option<String>,
    /// Labels that point at version 1.
    #[schema(value_type = Option<Object>)]
    labels: Option<BTreeMap<String, Target>>,
    #[serde(flatten)]
    version: VersionBody,
}

pub async fn create(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<NewPrompt>,
) -> Result<Answer<Prompt>> {
    let document = Document {
        name: body.name,
        description: body.description.unwrap_or_default(),
        versions: vec![Numbered { version: 1, spec: body.version.into() }],
        labels: body.labels.unwrap_or_default(),
    };
    checked(&deps, &document)?;
    let name = document.name.clone();
    deps.store.create_prompt(document).await?;
    deps.live.reload().await?;
    find(&deps, &name).await
}

pub async fn one(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
) -> Result<Answer<Prompt>> {
    find(&deps, &name).await
}

#[derive(Deserialize, ToSchema)]
pub struct Description {
    description: String,
}

pub async fn describe(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
    Body(body): Body<Description>,
) -> Result<Answer<Prompt>> {
    check_description(&body.description).map_err(invalid)?;
    deps.store.describe_prompt(&name, &body.description).await?;
    find(&deps, &name).await
}

pub async fn delete(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
) -> Result<Answer<()>> {
    deps.store.delete_prompt(&name).await?;
    deps.live.reload().await?;
    Ok(done())
}

/// Newest first, by the page.
pub async fn versions(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<PromptVersion>> {
    let prompt = deps.store.prompt(&name).await?;
    let (rows, total) = deps.store.prompt_versions(&prompt, query.page()).await?;
    Ok(listed(rows.into_iter().map(PromptVersion::from).collect(), total, i64::MAX))
}

#[derive(Serialize, ToSchema)]
pub struct AddedVersion {
    version: i64,
    /// False: the newest version said the same already.
    created: bool,
}

pub async fn add_version(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
    Body(body): Body<VersionBody>,
) -> Result<Answer<AddedVersion>> {
    let spec = Spec::from(body);
    deps.live.check_prompt(&spec).map_err(invalid)?;
    let (version, created) = deps.store.add_prompt_version(&name, &spec).await?;
    deps.live.reload().await?;
    Ok(ok(AddedVersion { version, created }))
}

#[derive(Deserialize, ToSchema)]
pub struct VersionPath {
    name: String,
    version: i64,
}

pub async fn version(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    path: web::Path<VersionPath>,
) -> Result<Answer<PromptVersion>> {
    let prompt = deps.store.prompt(&path.name).await?;
    Ok(ok(deps.store.prompt_version(&prompt, path.version).await?.into()))
}

#[derive(Deserialize, ToSchema)]
pub struct LabelPath {
    name: String,
    label: String,
}

/// A version and its share of the calls.
#[derive(Deserialize, ToSchema)]
pub struct SplitShare {
    version: i64,
    percent: u8,
}

/// One of the two.
#[derive(Deserialize, ToSchema)]
pub struct LabelTarget {
    version: Option<i64>,
    /// 100 percent together.
    split: Option<Vec<SplitShare>>,
}

pub async fn set_label(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    path: web::Path<LabelPath>,
    Body(body): Body<LabelTarget>,
) -> Result<Answer<Prompt>> {
    let LabelPath { name, label } = path.into_inner();
    if !is_label(&label) {
        return Err(invalid(
            "a label has 1 to 64 of a-z, 0-9, '.', '_' and '-', and is neither a number nor latest",
        ));
    }
    let target = match (body.version, body.split) {
        (Some(version), None) => Target::one(version),
        (None, Some(split)) => {
            let share = |SplitShare { version, percent }| Share { version, percent };
            Target::split(split.into_iter().map(share).collect()).map_err(invalid)?
        }
        _ => return Err(bad_request("a label points at a version, or at a split of several")),
    };
    deps.store.set_prompt_label(&name, &label, target).await?;
    deps.live.reload().await?;
    find(&deps, &name).await
}

pub async fn delete_label(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    path: web::Path<LabelPath>,
) -> Result<Answer<Prompt>> {
    let LabelPath { name, label } = path.into_inner();
    deps.store.delete_prompt_label(&name, &label).await?;
    deps.live.reload().await?;
    find(&deps, &name).await
}

#[derive(Deserialize, ToSchema)]
pub struct DryRun {
    #[schema(value_type = Option<Object>)]
    variables: Option<Map<String, Value>>,
    /// A label, or a number; of a split label the first version is shown.
    #[schema(value_type = Option<String>)]
    version: Option<Value>,
    /// A version that is not saved, instead.
    draft: Option<VersionBody>,
}

/// What would be said, to which model, with which parameters.
#[derive(Serialize, ToSchema)]
pub struct Rendered {
    version: Option<i64>,
    model: Option<String>,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    messages: Vec<PromptMessage>,
}

/// The number that a dry run means.
fn meant(prompt: &PromptRow, wanted: Option<Value>) -> Result<i64> {
    let wanted = match wanted {
        None => None,
        Some(Value::String(label)) => Some(label),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(bad_request("version must be a label or a number")),
    };
    let number = match wanted.as_deref().and_then(|label| prompt.labels.get(label)) {
        Some(target) => target.versions().next(),
        None => choose(&prompt.labels, prompt.newest, wanted.as_deref(), 0),
    };
    number.ok_or_else(|| not_found("version of the prompt"))
}

pub async fn render(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
    Body(body): Body<DryRun>,
) -> Result<Answer<Rendered>> {
    let prompt = deps.store.prompt(&name).await?;
    let (number, spec) = match body.draft {
        Some(draft) => (None, Spec::from(draft)),
        None => {
            let row = deps.store.prompt_version(&prompt, meant(&prompt, body.version)?).await?;
            (Some(row.number), row.spec)
        }
    };
    deps.live.check_prompt(&spec).map_err(invalid)?;
    let version = Version::compile(number.unwrap_or(0), &spec).map_err(invalid)?;
    let said = version.render(body.variables.unwrap_or_default(), RENDERED_MAX);
    let said = said.map_err(|error| invalid(error.to_string()))?;
    let messages =
        said.into_iter().map(|said| PromptMessage { role: said.role, content: said.text }).collect();
    Ok(ok(Rendered { version: number, model: spec.model, parameters: spec.parameters, messages }))
}

/// Milliseconds, of the newest calls that went well.
#[derive(Serialize, ToSchema)]
pub struct Milliseconds {
    p50: i64,
    p95: i64,
}

impl From<Quantiles> for Milliseconds {
    fn from(Quantiles { p50, p95 }: Quantiles) -> Milliseconds {
        Milliseconds { p50, p95 }
    }
}

/// How a version fares.
#[derive(Serialize, ToSchema)]
pub struct VersionFigures {
    version: i64,
    calls: i64,
    /// Calls that ended in an error, or before their end.
    failed: i64,
    quota: i64,
    /// In dollars, as decimal text.
    cost_usd: String,
    prompt_tokens: i64,
    completion_tokens: i64,
    elapsed_ms: Milliseconds,
    first_byte_ms: Milliseconds,
}

impl From<VersionStats> for VersionFigures {
    fn from(stats: VersionStats) -> VersionFigures {
        VersionFigures {
            version: stats.version,
            calls: stats.calls,
            failed: stats.failed,
            quota: stats.cost.to_quota_ceil(),
            cost_usd: stats.cost.usd().to_string(),
            prompt_tokens: stats.prompt_tokens,
            completion_tokens: stats.completion_tokens,
            elapsed_ms: stats.elapsed.into(),
            first_byte_ms: stats.first_byte.into(),
        }
    }
}

#[derive(Deserialize, IntoParams)]
pub struct Since {
    /// Of how many days: 30 unless given, 366 at most.
    days: Option<i64>,
}

/// Newest version first.
pub async fn stats(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    name: web::Path<String>,
    Query(query): Query<Since>,
) -> Result<Answer<Vec<VersionFigures>>> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(invalid(format!("days must be from 1 to {DAYS_MAX}")));
    }
    let prompt = deps.store.prompt(&name).await?;
    // Calls of another prompt that once had the name are not this one's.
    let since = (chrono::Utc::now().timestamp() - days * 86_400).max(prompt.created_time);
    let stats = deps.store.prompt_stats(&prompt.name, since).await?;
    Ok(ok(stats.into_iter().map(VersionFigures::from).collect()))
}

/// Prompts with all their versions and labels.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Bundle {
    #[schema(value_type = Vec<Object>)]
    prompts: Vec<Document>,
}

pub async fn export(_caller: Caller<Admin>, deps: web::Data<Deps>) -> Result<Bare<Bundle>> {
    Ok(bare(Bundle { prompts: deps.store.export_prompts().await? }))
}

#[derive(Serialize, ToSchema)]
pub struct ImportedPrompts {
    prompts_created: u64,
    versions_created: u64,
    /// Versions that were here already.
    versions_known: u64,
}

/// All or none.
pub async fn import(
    _caller: Caller<Admin>,
    deps: web::Data<Deps>,
    Body(body): Body<Bundle>,
) -> Result<Answer<ImportedPrompts>> {
    body.prompts.iter().try_for_each(|document| checked(&deps, document))?;
    let done = deps.store.import_prompts(body.prompts).await?;
    deps.live.reload().await?;
    Ok(ok(ImportedPrompts {
        prompts_created: done.prompts_created,
        versions_created: done.versions_created,
        versions_known: done.versions_known,
    }))
}
