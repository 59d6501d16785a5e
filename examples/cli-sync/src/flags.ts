/**
 * How both sides are reached: flags of every command. What they do not say is in
 * the configuration file, or has a usual value.
 */
import { Configuration } from "@tidemark/cli"
import { Sync } from "@tidemark/core"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Flag from "effect/cli/Flag"

/** `500ms`, `30s`, `5m`, `2h`, `7d`. */
const duration = (name: string) =>
  Flag.String(name).pipe(
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(Configuration.spanOf(text)),
      () => "a duration such as 500ms, 30s, 5m, 2h or 7d"
    )
  )

export const flags = {
  config: Flag.String("config").pipe(
    Flag.withDescription("Configuration file; tidemark.yaml in the working directory when it is there"),
    Flag.optional
  ),
  source: Flag.Literals("source", ["salesforce"]).pipe(
    Flag.withDescription("Where the records come from; salesforce when not given"),
    Flag.optional
  ),
  url: Flag.String("url").pipe(
    Flag.withDescription("Address of the org, such as https://NAME.my.salesforce.com"),
    Flag.optional
  ),
  token: Flag.Redacted("token").pipe(Flag.withDescription("Access token of the org"), Flag.optional),
  apiVersion: Flag.String("api-version").pipe(Flag.withDescription("API version; 66.0 when not given"), Flag.optional),
  objects: Flag.String("objects").pipe(
    Flag.withDescription("API names of the objects, such as Account,Contact"),
    Flag.optional
  ),
  detections: Flag.String("detections").pipe(
    Flag.withDescription("YAML or JSON file that says which records of which objects, and how their fields are called"),
    Flag.optional
  ),
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withDescription("PostgreSQL to write to, such as postgres://user@host/database"),
    Flag.optional
  ),
  dataDir: Flag.String("data-dir").pipe(
    Flag.withDescription(
      "Without --database-url: where an embedded PostgreSQL keeps its data; .tidemark when not given"
    ),
    Flag.optional
  ),
  settle: duration("settle").pipe(
    Flag.withDescription(
      "How late a row may become visible: how far the cursor stays behind the present; 5m when not given"
    ),
    Flag.optional
  ),
  fullEvery: duration("full-every").pipe(
    Flag.withDescription(
      "How often everything is read again, such as 7d: formulas move no stamp. Never, when not given"
    ),
    Flag.optional
  ),
  lease: duration("lease").pipe(
    Flag.withDescription("How long the lane of a run that died stays taken; 30s when not given"),
    Flag.optional
  ),
  batchSize: Flag.Int("batch-size").pipe(
    Flag.withDescription(`Most records of one commit; ${Sync.standard.batchSize} when not given`),
    Flag.withSchema(Configuration.BatchSize),
    Flag.optional
  )
}

/** What the flags say. */
export interface Input {
  readonly config: Option.Option<string>
  readonly source: Option.Option<"salesforce">
  readonly url: Option.Option<string>
  readonly token: Option.Option<Redacted.Redacted>
  readonly apiVersion: Option.Option<string>
  readonly objects: Option.Option<string>
  readonly detections: Option.Option<string>
  readonly databaseUrl: Option.Option<string>
  readonly dataDir: Option.Option<string>
  readonly settle: Option.Option<Duration.Duration>
  readonly fullEvery: Option.Option<Duration.Duration>
  readonly lease: Option.Option<Duration.Duration>
  readonly batchSize: Option.Option<number>
}
